"""What salvage is about to do: a point that takes the catalog's place, then commits that are made of files."""

from __future__ import annotations

from datetime import datetime

import msgspec

from canvasback.model.commit import CommitSummary
from canvasback.model.finding import Finding
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.fast_forward import Divergence
from canvasback.model.results.salvage import LeftFile, SalvagedCommit, SalvagedTable, SalvageLoss


class ForwardPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A point that takes the place of a catalog which it continues, or of one that is lost.

    Attributes:
        point: The point.
        from_snapshot: The catalog's newest snapshot; None where there is no catalog.
        snapshot_id: The point's newest snapshot.
        snapshot_time: When that was committed.
        proved: Whether points still have the catalog's newest snapshot, so that they surely go on from it.
        data_path: Where the files are, and stay.
        saved_path: Where they were when the point was made.
        version: The DuckLake of the catalog; empty where there is none.
        saved_version: The DuckLake of the point.
        commits: The commits that come back and that the point still tells of, oldest first.
        restore: How the point is restored, in words, in order.
        kept_files: Files that are there and whole.
        placed_files: Files to put back.
        placed_bytes: Bytes of them.
        findings: What a person should know of it, the first ones word for word.
        finding_counts: How many of each code.
    """

    point: str
    from_snapshot: int | None
    snapshot_id: int
    snapshot_time: datetime
    proved: bool
    data_path: str
    saved_path: str
    version: str
    saved_version: str
    commits: tuple[CommitSummary, ...]
    restore: tuple[str, ...]
    kept_files: int
    placed_files: int
    placed_bytes: int
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in words, in order."""
        return self.restore if self.from_snapshot is None else (*self._remarks(), *self.restore)

    def _remarks(self) -> list[str]:
        remarks = []
        if not self.proved:
            remarks.append(
                f"the points have no snapshot {self.from_snapshot} any more, which was expired; that they go on from "
                "it shows in the times of their snapshots"
            )
        if self.data_path != self.saved_path:
            remarks.append(
                f"the files stay at {self.data_path}, though the lake's were at {self.saved_path} when it was saved"
            )
        if self.version != self.saved_version:
            remarks.append(
                f"the catalog becomes one of DuckLake {self.saved_version} again, which it was when it was saved; "
                f"it is one of {self.version} now"
            )
        return remarks


class FilesPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Commits that are made of files which the catalog does not know, as it is once a point took its place.

    Attributes:
        head: The catalog's newest snapshot before them.
        snapshot_id: The newest one afterwards.
        commits: See `canvasback.model.results.salvage.SalvageResult`, as the rest.
        left: The same.
        losses: The same.
        tables: The same.
    """

    head: int
    snapshot_id: int
    commits: tuple[SalvagedCommit, ...]
    left: tuple[LeftFile, ...]
    losses: tuple[SalvageLoss, ...]
    tables: tuple[SalvagedTable, ...]

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in words, in order."""
        if not self.commits:
            return ("storage holds nothing that could be told to be of a commit that the catalog does not know",)
        come = "comes" if len(self.commits) == 1 else "come"
        steps = [f"{many(len(self.commits), 'commit')} after snapshot {self.head} {come} back, in one transaction"]
        steps += [
            f"snapshot {commit.snapshot_id}: {', '.join(commit.what)} in {', '.join(commit.tables)}, "
            f"{many(commit.files, 'file')} of {in_utc(commit.time)} ({commit.sureness}: {commit.why})"
            for commit in self.commits
        ]
        if self.left:
            steps.append(f"left alone: {many(len(self.left), 'file')}")
        steps.append("whoever has the lake attached has to attach it again")
        return tuple(steps)


class SalvagePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a salvage does. Two that are equal do the same to lakes in the same state.

    Attributes:
        lake: The lake, without credentials.
        data_path: Where the files are.
        forward: The point that takes the catalog's place first, if one does.
        parted: Where the catalog parted from the newest point, if it did: nothing is taken from points then.
        files: What comes back by the files alone.
        returning: How many of these files were deleted, and are brought back from what the bucket keeps.
        damaged: The points that could not be read.
        remarks: What else a person should know before it is done.
    """

    lake: str
    data_path: str
    forward: ForwardPlan | None
    parted: Divergence | None
    files: FilesPlan
    returning: int = 0
    damaged: tuple[Finding, ...]
    remarks: tuple[Finding, ...]

    @property
    def from_snapshot(self) -> int:
        """The newest snapshot that the catalog knows; 0 where it is lost."""
        return self.files.head if self.forward is None else self.forward.from_snapshot or 0

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in words, in order."""
        return (*(self.forward.steps if self.forward else ()), *self.files_steps)

    @property
    def files_steps(self) -> tuple[str, ...]:
        """What is done with the files alone, in words, in order."""
        if not self.returning:
            return self.files.steps
        back = f"{many(self.returning, 'deleted file')} brought back from what the bucket keeps"
        return (back, *self.files.steps)

    def __str__(self) -> str:
        return "\n".join(self.steps)
