"""An archive that pgBackRest keeps, asked through its own commands.

Source: pgBackRest's command reference, "info", "repo-ls", "repo-get" and "restore". ``archive-get`` needs the cluster,
which may be what was lost.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime

import msgspec

from canvasback.errors import LakeError, UsageError
from canvasback.model.wal import Lsn, Segment, TimelineHistory
from canvasback.model.wal_archive import ArchivedBase, WalArchive
from canvasback.postgres.packed_segments import unpacked
from canvasback.postgres.segment_header import SegmentHeader
from canvasback.postgres.tools import run_tool

_FILE = re.compile(r"(?P<name>[0-9A-F]{24}|[0-9A-F]{8}\.history)(?:-[0-9a-f]{40})?(?P<ending>\.[a-z0-9]+)?")


class _Database(msgspec.Struct):
    id: int
    system_id: int = msgspec.field(name="system-id", default=0)


class _Log(msgspec.Struct):
    id: str
    database: _Database
    max: str | None = None
    min: str | None = None


class _Positions(msgspec.Struct):
    stop: str


class _Times(msgspec.Struct):
    stop: int


class _Range(msgspec.Struct):
    stop: str | None = None


class _Size(msgspec.Struct):
    size: int | None = None


class _Info(msgspec.Struct):
    repository: _Size


class _Backup(msgspec.Struct):
    label: str
    database: _Database
    archive: _Range
    timestamp: _Times
    info: _Info
    lsn: _Positions | None = None
    error: bool | None = False


class _Stanza(msgspec.Struct):
    name: str
    archive: list[_Log] = []
    backup: list[_Backup] = []
    db: list[_Database] = []


class PgBackRest:
    """See `canvasback.postgres.archive.Archive`.

    Args:
        stanza: The stanza; configuration and repository are those of pgBackRest's own files and environment.
        program: The program.
    """

    def __init__(self, stanza: str, program: str = "pgbackrest") -> None:
        self.stanza = stanza
        self._program = program
        self._folder = ""

    def read(self) -> WalArchive:
        """See `Archive.read`. Of a stanza whose cluster was upgraded or made anew, what belongs to the newest."""
        said = run_tool(self._program, f"--stanza={self.stanza}", "--output=json", "info")
        try:
            found = [one for one in msgspec.json.decode(said, type=list[_Stanza]) if one.name == self.stanza and one.db]
        except msgspec.DecodeError as error:
            raise LakeError(
                "archive-tool-failed",
                f"{self._program} info says what is not understood: {error}",
                hint="Its release may be newer than ours: see what it prints by itself, and report it.",
            ) from error
        if not found:
            raise UsageError(
                "archive-missing",
                f"pgBackRest knows no stanza {self.stanza}, or it has never been created",
                hint="Run pgbackrest info; it has to be run as the user who keeps the archive.",
            )
        stanza = found[0]
        newest = max(stanza.db, key=lambda database: database.id)
        logs = [one for one in stanza.archive if one.database.id == newest.id]
        log = logs[-1] if logs else None
        name = f"pgBackRest's stanza {self.stanza}"
        if log is None or log.max is None or log.min is None:
            return WalArchive(name=name, system=str(newest.system_id), bases=())
        self._folder = f"archive/{self.stanza}/{log.id}/"
        header = SegmentHeader.parse(self.fetch(log.max) or b"", log.max)
        timelines = range(int(log.min[:8], 16), int(log.max[:8], 16) + 1)
        return WalArchive(
            name=name,
            system=header.system,
            major=header.major,
            bases=tuple(
                ArchivedBase(
                    label=one.label,
                    timeline=int(one.archive.stop[:8], 16),
                    stop=Lsn.parse(one.lsn.stop),
                    ended=datetime.fromtimestamp(one.timestamp.stop, UTC),
                    bytes=one.info.repository.size or 0,
                )
                for one in stanza.backup
                if one.database.id == newest.id and not one.error and one.lsn is not None and one.archive.stop
            ),
            first=Segment.parse(log.min, header.size),
            last=self._last(timelines, Segment.parse(log.max, header.size)),
            histories=tuple(
                TimelineHistory.parse(name, content)
                for timeline in timelines
                if timeline > 1 and (content := self.fetch(name := f"{timeline:08X}.history")) is not None
            ),
        )

    def fetch(self, name: str) -> bytes | None:
        """See `Archive.fetch`; `read` has to come first."""
        folder = self._folder if name.endswith(".history") else f"{self._folder}{name[:16]}/"
        for entry in self._names(folder, f"^{name.partition('.')[0]}"):
            found = _FILE.fullmatch(entry)
            if found is not None and found["name"] == name:
                content = run_tool(self._program, f"--stanza={self.stanza}", "repo-get", f"{folder}{entry}")
                return unpacked(content, entry, found["ending"] or "")
        return None

    def refuse_user(self) -> None:
        """See that we are not root: what pgBackRest writes into its repository as root, its own user cannot read.

        From then on the server could archive nothing more.

        Raises:
            UsageError: We are (``not-as-root``).
        """
        if os.geteuid() == 0:
            raise UsageError(
                "not-as-root",
                "pgBackRest is not asked for a base backup by root: its own user could not read what it leaves",
                hint="Run it as the user who runs pgBackRest: sudo -u postgres canvasback pitr backup …",
            )

    def make_base(self, *, full: bool) -> None:
        """Make a base backup; it waits until the log is archived that it needs.

        Args:
            full: Whether it may rest on no other. Else pgBackRest's own configuration decides.

        Raises:
            LakeError: PgBackRest failed (``archive-tool-failed``).
        """
        run_tool(self._program, f"--stanza={self.stanza}", *(["--type=full"] if full else []), "backup")

    def lay_base(self, label: str, data: str) -> None:
        """Put a base backup into a folder that is empty or not there, as the folder of a cluster.

        Args:
            label: Its set.
            data: The folder.

        Raises:
            LakeError: PgBackRest failed (``archive-tool-failed``).
        """
        os.makedirs(data, mode=0o700, exist_ok=True)  # which root has to do for it
        place = (f"--set={label}", f"--pg1-path={data}", "--type=none")
        run_tool(self._program, f"--stanza={self.stanza}", *place, "restore")

    def _last(self, timelines: range, newest: Segment) -> dict[int, Segment]:
        """The last segment of each timeline: the newest is told, the others are at the end of their folders."""
        last = {newest.timeline: newest}
        folders = self._names(self._folder, "^[0-9A-F]{16}$") if len(timelines) > 1 else []
        for folder in sorted(folders):
            timeline = int(folder[:8], 16)
            if timeline == newest.timeline:
                continue
            files = [_FILE.fullmatch(entry) for entry in self._names(f"{self._folder}{folder}/", "^[0-9A-F]{24}-")]
            names = sorted(found["name"] for found in files if found is not None)
            if names:
                last[timeline] = Segment.parse(names[-1], newest.size)
        return last

    def _names(self, folder: str, pattern: str) -> list[str]:
        said = run_tool(
            self._program, f"--stanza={self.stanza}", "--output=json", f"--filter={pattern}", "repo-ls", folder
        )
        return [name for name in msgspec.json.decode(said, type=dict[str, object]) if name != "."]
