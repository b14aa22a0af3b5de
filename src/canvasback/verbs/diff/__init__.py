"""diff: what changed between two moments."""
