"""pitr restore: a catalog in PostgreSQL comes back as of an exact commit. The verb is in `pitr_restore.verb`."""
