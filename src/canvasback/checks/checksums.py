"""Are the bytes those that the repository holds?"""

from __future__ import annotations

from canvasback.checks.kinds import CORRUPT, UNREADABLE
from canvasback.checks.wanted import WantedFile
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.errors import CanvasbackError
from canvasback.storage.checksums import hash_stream
from canvasback.storage.locations import Stores, is_remote
from canvasback.storage.parallel import Stop

_ATTEMPTS = 2
"""How often a remote file is read before it counts as damaged: bytes can go wrong on the way."""


def compare_bytes(file: WantedFile, stores: Stores, stop: Stop) -> DamagedFile | None:
    """Read a file and compare it with what the repository holds of it; nothing where it holds none."""
    if file.checksum is None:
        return None
    algorithm, _, digest = file.checksum.partition(":")
    try:
        store, name = stores.locate(file.place)
        for _ in range(_ATTEMPTS if is_remote(file.place) else 1):
            with store.open(name, vouch=False) as source:
                if hash_stream(stop.guard(source), algorithm)[1] == digest:
                    return None
    except (CanvasbackError, OSError) as error:
        return file.damaged(UNREADABLE, f"cannot be read: {error}")
    return file.damaged(CORRUPT, "has other bytes than when it was backed up")
