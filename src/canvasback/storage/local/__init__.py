"""Folders as a store: whole files or none, and the processes that write them."""
