"""A folder with files of PostgreSQL's log: what an ``archive_command`` of one's own copies to, or ``pg_receivewal``."""

from __future__ import annotations

import os
import re

from canvasback.errors import CorruptError, UsageError
from canvasback.model.wal import Segment, TimelineHistory
from canvasback.model.wal_archive import WalArchive
from canvasback.postgres.packed_segments import PACKED, unpacked
from canvasback.postgres.segment_header import SegmentHeader

_NAME = re.compile(r"([0-9A-F]{24}|[0-9A-F]{8}\.history)((?:\.partial)?)(\.[a-z0-9]+)?")


class WalFolder:
    """See `canvasback.postgres.archive.Archive`. It has no base backups that anybody knows of.

    Args:
        folder: The folder; the files are in it itself, each as it is or compressed. A segment that is not filled yet
            counts as far as it goes.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def read(self) -> WalArchive:
        """See `Archive.read`."""
        files = self._files()
        names = [name for name in files if not name.endswith(".history")]
        while names and not self._is_what_it_says(names[-1]):
            names.pop()
        if not names:
            return WalArchive(name=self.folder)
        header = self._header(names[-1])
        segments = [Segment.parse(name, header.size) for name in names]
        return WalArchive(
            name=self.folder,
            system=header.system,
            major=header.major,
            first=min(segments, key=lambda segment: segment.number),
            last={segment.timeline: segment for segment in segments},  # their names rise
            histories=tuple(
                TimelineHistory.parse(name, self.fetch(name) or b"") for name in files if name.endswith(".history")
            ),
        )

    def fetch(self, name: str) -> bytes | None:
        """See `Archive.fetch`."""
        found = self._files().get(name)
        if found is None:
            return None
        path, ending = found
        with open(path, "rb") as file:
            return unpacked(file.read(), path, ending)

    def _is_what_it_says(self, name: str) -> bool:
        """Whether a file has the segment of its name: a server's own folder has old ones that wait to be used again."""
        try:
            header = self._header(name)
        except CorruptError:
            return False
        return header.start == Segment.parse(name, header.size).start

    def _header(self, name: str) -> SegmentHeader:
        return SegmentHeader.parse(self.fetch(name) or b"", name)

    def _files(self) -> dict[str, tuple[str, str]]:
        """The path and the ending of each file of the log, by rising name; a whole one comes before a part."""
        try:
            listed = sorted(os.listdir(self.folder), key=lambda name: (".partial" in name, name))
        except OSError as error:
            raise UsageError(
                "archive-missing",
                f"{self.folder} cannot be read: {error.strerror}",
                hint="Name the folder that has the segments.",
            ) from error
        files: dict[str, tuple[str, str]] = {}
        for entry in listed:
            found = _NAME.fullmatch(entry)
            if found is not None and (found[3] or "") in PACKED:
                files.setdefault(found[1], (os.path.join(self.folder, entry), found[3] or ""))
        return dict(sorted(files.items()))
