"""The lake that the crash tests back up, and at how many steps they kill."""

from __future__ import annotations

import pytest

from tests.crash.lakes import Stages, stages_once


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return stages_once(tmp_path_factory)


@pytest.fixture(scope="session")
def every(pytestconfig: pytest.Config) -> int:
    """Of the steps that repeat others, one in so many is killed at: of all, with `--every-step`."""
    return 1 if pytestconfig.getoption("--every-step") else 8
