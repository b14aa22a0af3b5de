"""The two programs where the repository is in a bucket: by the stores that everything else uses.

That takes about a second to load for every file. `canvasback pitr run` does not pay it, and is the better choice there.
"""

from __future__ import annotations

from canvasback.cli.settings import read_settings
from canvasback.errors import CanvasbackError
from canvasback.model.clock import now
from canvasback.repository.archived_log import ArchivedLog
from canvasback.repository.protection import protect
from canvasback.repository.repository import open_repository, refuse_sealed
from canvasback.repository.wal_object import wal_name


def push(repository: str, system: int, file: str, content: bytes) -> None:
    """Put a file into the repository.

    Raises:
        ValueError: It could not be put there.
    """
    try:
        archive = _archive(repository, system)
        archive.put(file, content)
        protect(archive.store, wal_name(system, file), now())
    except CanvasbackError as error:
        raise ValueError(str(error)) from error


def fetch(repository: str, system: int, file: str) -> bytes | None:
    """A file of the log; None where the repository has none of that name.

    Raises:
        ValueError: It cannot be read.
    """
    try:
        return _archive(repository, system).get(file)
    except CanvasbackError as error:
        raise ValueError(str(error)) from error


def _archive(repository: str, system: int) -> ArchivedLog:
    opened = open_repository(read_settings().stores(), repository)
    refuse_sealed(opened)
    return ArchivedLog(opened.store, system)
