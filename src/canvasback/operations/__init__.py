"""The verbs: one file each, first a plan, then its execution."""
