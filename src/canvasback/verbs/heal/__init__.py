"""heal: what a live lake lost is put back, and its catalog mended. The verb is in `heal.verb`."""
