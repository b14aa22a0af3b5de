"""The start: what is slow to load is loaded when a command needs it, and every public name is there."""

from __future__ import annotations

import subprocess
import sys

import pytest

import canvasback

SLOW = ("duckdb", "jinja2", "pyarrow", "adbc_driver_postgresql", "boto3", "google.cloud.storage", "azure.storage.blob")


@pytest.mark.parametrize("module", ["canvasback", "canvasback.cli.app"])
def test_nothing_slow_is_loaded_before_it_is_needed(module: str) -> None:
    code = f"import sys, {module}; print(*({{*{SLOW}}} & sys.modules.keys()))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.split() == []


def test_every_public_name_is_there() -> None:
    assert len(canvasback.__all__) == len(set(canvasback.__all__))
    for name in canvasback.__all__:
        assert getattr(canvasback, name) is not None
    assert set(canvasback.__all__) <= set(dir(canvasback))
    with pytest.raises(AttributeError):
        _ = canvasback.nonsense  # type: ignore[attr-defined]
