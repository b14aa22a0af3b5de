"""repair: what a repository lost, from another place of it."""
