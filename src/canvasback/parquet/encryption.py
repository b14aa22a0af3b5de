"""Reading encrypted files: with the key that the catalog has of them."""

from __future__ import annotations

from canvasback.model.relation import file_literal, literal


def read_call(path: str, key: str | None) -> str:
    """A call that reads a file as it is, without a look at the folders it lies in."""
    config = "" if key is None else f", encryption_config = {{footer_key_value: from_base64({literal(key)})}}"
    return f"read_parquet({file_literal(path)}, hive_partitioning = false{config})"
