"""Frozen values that know nothing of disks, networks or databases."""
