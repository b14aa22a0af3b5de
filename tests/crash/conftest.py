"""The lake that the crash tests back up."""

from __future__ import annotations

import pytest

from tests.crash.lakes import Stages, stages_once


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return stages_once(tmp_path_factory)
