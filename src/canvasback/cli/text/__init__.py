"""What the texts of several commands have in common: tables, sizes, counts, commits, findings."""
