"""The contract of whatever keeps an archive."""

from __future__ import annotations

from typing import Protocol

from canvasback.model.wal_archive import WalArchive


class Archive(Protocol):
    """An archive of a cluster's log, kept by somebody else. It is only read."""

    def read(self) -> WalArchive:
        """What it has, as far as it says without its log being read.

        Raises:
            UsageError: There is no such archive, or its tool is not here (``archive-missing``,
                ``archive-tool-missing``).
            LakeError: Its tool failed (``archive-tool-failed``).
        """

    def fetch(self, name: str) -> bytes | None:
        """A segment, or the history of a timeline, as PostgreSQL wrote it; None where it has none of that name.

        Raises:
            CorruptError: It cannot be unpacked (``segment-corrupt``).
            LakeError: Its tool failed (``archive-tool-failed``).
        """
