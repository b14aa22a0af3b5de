"""pitr run: the log of a catalog's server is archived, and base backups are made. The verb is in `pitr_run.verb`."""
