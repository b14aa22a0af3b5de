"""Whether tests that share what is dear to make run in one process: else it is made once more in each."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("together")
def test_groups_stay_together(request: pytest.FixtureRequest) -> None:
    """pytest-xdist tells the group of a test by what stands behind `@` in its name; it says nothing if it cannot."""
    spread = request.config.getoption("loadgroup", default=False)
    assert request.node.nodeid.endswith("@together") == spread
