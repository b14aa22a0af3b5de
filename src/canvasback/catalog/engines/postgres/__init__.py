"""Catalogs in PostgreSQL databases."""
