"""What becomes of a catalog: edits, and the commits that are made of them."""
