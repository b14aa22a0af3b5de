"""prune: what no point names is deleted. The verb is in `prune.verb`."""
