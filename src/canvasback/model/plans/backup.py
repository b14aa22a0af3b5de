"""What a backup is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.commit import Commit
from canvasback.model.finding import Finding
from canvasback.model.holding import Holding, StorageKind
from canvasback.model.plurals import either, many, many_are


class BackupPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A point is about to be made of a lake, or there is nothing to make one of.

    Attributes:
        lake: The lake.
        repository: Where the point goes.
        before: The id of the point before; empty where there is none.
        held: Whether that point has the lake's newest snapshot, and only what it lacks asks for another one.
        continues: Whether the lake goes on where that point ended; False where it was taken back since.
        head: The lake's newest snapshot.
        commits: How many snapshots the lake has gone on since the point before.
        data_path: Where the lake's files are.
        tables: Tables of the catalog with rows that no point has.
        chunks: Chunks of them to write.
        full: Whether nothing that the repository holds is relied on: then all files are to be compared with it.
        new_files: Files to copy: those that the catalog names and no point holds.
        new_bytes: Bytes of them, as the catalog says.
        held_files: Files that the repository holds already.
        suspects: Those of them that look changed or lost in the lake.
        findings: What is known before anything is copied, the first ones word for word.
        finding_counts: How many of each code.
        holding: Who holds the files; None where they are copied.
    """

    lake: str
    repository: str
    before: str
    held: bool
    continues: bool
    head: Commit
    commits: int
    data_path: str
    tables: int
    chunks: int
    full: bool
    new_files: int
    new_bytes: int
    held_files: int
    suspects: int
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]
    holding: Holding | None = None

    @property
    def nothing(self) -> bool:
        """Whether nothing is to be done: the point before holds all that there is."""
        return self.held and not self.new_files and not self.suspects

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        if self.nothing:
            return (f"point {self.before} holds all of {self.lake} up to {self.head}: there is nothing to do",)
        return (*self._where_it_begins(), *self._what_is_saved())

    def _where_it_begins(self) -> list[str]:
        steps = [f"{self.lake} is at {self.head}"]
        if not self.before:
            steps.append(f"{self.repository} holds no point yet: everything is saved")
        elif self.held:
            steps.append(
                f"point {self.before} has this snapshot: another one is made only if a file comes that it lacks"
            )
        elif not self.continues:
            steps.append(f"the lake was taken back since point {self.before}: a new timeline begins")
        else:
            ago = f"{many(self.commits, 'snapshot')} earlier" if self.commits else "of the same snapshot"
            steps.append(f"point {self.before} is the one before, {ago}")
        return steps

    @property
    def _kept(self) -> str:
        if self.holding is not None:
            pinned = "pinned by their versions, and no byte is copied"
            return pinned if self.holding.kind is StorageKind.VERSIONS else f"looked for at {self.holding}"
        return "compared with the repository, and copied where it lacks them" if self.full else "copied"

    def _what_is_saved(self) -> list[str]:
        bytes_ = f"{self.new_bytes} {either(self.new_bytes, 'byte', 'bytes')}"
        are = either(self.new_files, "is", "are")
        steps = [
            f"{many(self.new_files, 'file')} ({bytes_}) of {self.data_path} {are} {self._kept}",
            f"{many_are(self.held_files, 'file')} held already",
        ]
        if self.suspects:
            looks, it_is = either(self.suspects, "looks", "look"), either(self.suspects, "it is", "they are")
            steps.append(
                f"{many(self.suspects, 'file')} of these {looks} changed or lost in the lake: {it_is} read again"
            )
        if self.chunks:
            are = either(self.chunks, "is", "are")
            steps.append(f"{many(self.chunks, 'chunk')} of {many(self.tables, 'table')} of the catalog {are} written")
        steps.append(f"the point is published in {self.repository}")
        return steps
