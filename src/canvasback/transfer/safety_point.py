"""The point that is made of a lake as it is, before something changes it."""

from __future__ import annotations

from canvasback.model.results.backup import BackupResult
from canvasback.repository.patience import patient
from canvasback.storage.run import Run
from canvasback.transfer.new_point import back_up

_PATIENCE = 10
"""Seconds to wait for whoever writes to the repository."""


def make_safe(lake: str, repository: str, run: Run, *, data_path: str | None, only_new: bool) -> BackupResult:
    """Make a point, as `canvasback.backup` does; a watch that makes one just then is waited for.

    Raises:
        LockedError: Another run holds the repository for longer (``repository-locked``).
    """
    result: BackupResult = patient(_PATIENCE)(
        back_up, lake, repository, run.again(), data_path=data_path, only_new=only_new
    )
    return result
