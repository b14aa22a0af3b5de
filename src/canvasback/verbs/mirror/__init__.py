"""mirror: a second place for a repository."""
