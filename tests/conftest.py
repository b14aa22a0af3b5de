"""What every test may rely on: the markers, and the length of `make soak`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

settings.register_profile("soak", max_examples=5000, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, as unknown ones are errors."""
    config.addinivalue_line(
        "markers",
        "newest: needs pip's newest duckdb and no extension; `make test` runs these in .venv-newest",
    )
