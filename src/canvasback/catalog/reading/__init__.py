"""What an image tells of a lake: tables, files and rows at a snapshot, and what changed between two."""
