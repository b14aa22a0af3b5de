"""An archive that Barman keeps, asked through its own commands. It is under the GPL: run, and never imported.

Source: Barman's manual, "list-backups", "show-backup", "get-wal" and "recover".
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from canvasback.errors import LakeError, UsageError
from canvasback.model.wal import Lsn, Segment, TimelineHistory
from canvasback.model.wal_archive import ArchivedBase, WalArchive
from canvasback.postgres.segment_header import SegmentHeader
from canvasback.postgres.tools import run_tool

_Answer = TypeVar("_Answer")


class _Listed(msgspec.Struct):
    backup_id: str
    status: str


class _Base(msgspec.Struct):
    end_lsn: str
    timeline: int
    begin_wal: str
    end_wal: str
    disk_usage_bytes: int
    end_time_timestamp: str


class _Log(msgspec.Struct):
    last_available: str | None = None


class _Shown(msgspec.Struct):
    base_backup_information: _Base
    wal_information: _Log


class Barman:
    """See `canvasback.postgres.archive.Archive`.

    Args:
        server: The server's name in Barman's configuration.
        program: The program.
    """

    def __init__(self, server: str, program: str = "barman") -> None:
        self.server = server
        self._program = program

    def read(self) -> WalArchive:
        """See `Archive.read`. Barman keeps no log from before its first base backup."""
        name = f"Barman's server {self.server}"
        listed = self._ask("list-backups", type_=dict[str, list[_Listed]]).get(self.server, [])
        shown = {
            one.backup_id: self._ask("show-backup", one.backup_id, type_=dict[str, _Shown])[self.server]
            for one in listed
            if one.status in {"DONE", "WAITING_FOR_WALS"}
        }
        bases = [self._base(label, one.base_backup_information) for label, one in shown.items()]
        if not bases:
            return WalArchive(name=name, bases=())
        earliest, newest = min(shown), max(shown)
        begin = shown[earliest].base_backup_information.begin_wal
        end = shown[newest].wal_information.last_available or shown[newest].base_backup_information.end_wal
        header = SegmentHeader.parse(self.fetch(end) or b"", end)
        ends = [one.wal_information.last_available or one.base_backup_information.end_wal for one in shown.values()]
        segments = sorted(Segment.parse(one, header.size) for one in ends)
        return WalArchive(
            name=name,
            system=header.system,
            major=header.major,
            bases=tuple(sorted(bases, key=lambda base: base.stop)),
            first=Segment.parse(begin, header.size),
            last={segment.timeline: segment for segment in segments},
            histories=tuple(self._histories(header.timeline)),
        )

    def fetch(self, name: str) -> bytes | None:
        """See `Archive.fetch`."""
        try:
            return run_tool(self._program, "get-wal", self.server, name)
        except LakeError as error:
            if "not found" in error.message:
                return None
            raise

    def refuse_user(self) -> None:
        """Whoever asks, Barman becomes its own user, or says that it cannot."""

    def make_base(self, *, full: bool) -> None:
        """Make a base backup, and wait until the log is archived that it needs.

        Args:
            full: Says nothing to Barman, whose own configuration decides.

        Raises:
            LakeError: Barman failed (``archive-tool-failed``).
        """
        del full
        run_tool(self._program, "backup", "--wait", self.server)

    def lay_base(self, label: str, data: str) -> None:
        """Put a base backup into a folder that is empty or not there, as the folder of a cluster.

        Args:
            label: Its id.
            data: The folder.

        Raises:
            LakeError: Barman failed (``archive-tool-failed``).
        """
        # Or it would copy all of the log there is to the cluster, too.
        run_tool(self._program, "recover", "--get-wal", self.server, label, data)

    def _base(self, label: str, said: _Base) -> ArchivedBase:
        ended = datetime.fromtimestamp(int(said.end_time_timestamp), UTC)
        return ArchivedBase(
            label=label,
            timeline=said.timeline,
            stop=Lsn.parse(said.end_lsn),
            ended=ended,
            bytes=said.disk_usage_bytes,
        )

    def _histories(self, newest: int) -> list[TimelineHistory]:
        found = []
        for timeline in range(2, newest + 1):
            content = self.fetch(name := f"{timeline:08X}.history")
            if content is not None:
                found.append(TimelineHistory.parse(name, content))
        return found

    def _ask(self, command: str, *arguments: str, type_: type[_Answer]) -> _Answer:
        try:
            said = run_tool(self._program, "-f", "json", command, self.server, *arguments)
        except LakeError as error:
            if "Unknown server" in error.message:
                raise UsageError(
                    "archive-missing",
                    f"Barman knows no server {self.server}",
                    hint="Run barman list-servers; it has to be run as the user who keeps the archive.",
                ) from error
            raise
        try:
            return msgspec.json.decode(said, type=type_)
        except msgspec.DecodeError as error:
            raise LakeError(
                "archive-tool-failed",
                f"{self._program} {command} says what is not understood: {error}",
                hint="Its release may be newer than ours: see what it prints by itself, and report it.",
            ) from error
