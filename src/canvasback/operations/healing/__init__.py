"""What heal is made of: where whole copies of damaged files come from, and what is mended in a catalog."""
