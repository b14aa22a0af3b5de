"""What clouds do for a bucket besides keeping objects: one module for each cloud, loaded where a URL asks for it."""
