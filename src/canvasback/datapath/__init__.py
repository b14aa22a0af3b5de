"""Where a lake's files are, which are there that no catalog names, and who else uses them."""
