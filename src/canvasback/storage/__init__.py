"""Bytes under names: the contract of a store, and the stores."""
