"""Buckets as a store: one implementation over what each cloud has to offer."""
