"""A lake with a repository, for every test one of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import canvasback
from tests.cli.running import Place
from tests.crash.lakes import Stages, stages_once


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Stages:
    return stages_once(tmp_path_factory)


@pytest.fixture(scope="session")
def template(stages: Stages, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the lake and the repository are copied from. The points remember a data path that is gone."""
    folder = tmp_path_factory.mktemp("template")
    first = Place(folder / "first")
    for stage in ("2", "3"):
        shutil.rmtree(first.lake, ignore_errors=True)
        shutil.copytree(stages.folders[stage], first.lake)
        if stage == "2":
            canvasback.init(str(first.catalog), str(first.repo))
        assert not canvasback.backup(str(first.catalog), str(first.repo)).findings
    return first.folder.rename(folder / "kept")


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Place:
    shutil.copytree(template, tmp_path / "place")
    return Place(tmp_path / "place")
