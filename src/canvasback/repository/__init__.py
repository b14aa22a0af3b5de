"""The repository: where recovery points live. docs/format.md describes every byte."""
