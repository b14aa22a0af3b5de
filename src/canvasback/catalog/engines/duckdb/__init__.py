"""Catalogs in DuckDB files."""
