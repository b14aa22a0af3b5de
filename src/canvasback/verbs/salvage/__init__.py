"""salvage: commits that storage holds and the catalog does not know. The verb is in `salvage.verb`."""
