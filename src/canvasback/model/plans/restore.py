"""What a restore is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.commit import Commit
from canvasback.model.finding import Finding
from canvasback.model.plans.files import PlannedFiles, cutting_steps
from canvasback.model.plurals import either, many, many_are


class RestorePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A point is about to become a lake again.

    Attributes:
        point: Its id.
        commit: The snapshot of it that becomes the newest one.
        left_out: How many later snapshots of the point do not come back.
        lake: The catalog to write.
        data_path: Where its files are to be, as an absolute folder or URL.
        blind: Whether nobody can tell if files are there that are newer than the point.
        kept: Files that are there, and stay.
        damaged: Files that are there, are not what was saved, and are moved aside.
        files: Those that are put there.
        cut: Files of which only a part is needed.
        outside: Files outside of the data path that go where the catalog says.
        aside: What else is moved aside, in words.
        spelled: How the catalog is to spell the data path, where that is relative; else empty.
        findings: What was found on the way, the first ones word for word.
        finding_counts: How many of each code.
    """

    point: str
    commit: Commit
    left_out: int
    lake: str
    data_path: str
    blind: bool
    kept: int
    damaged: int
    files: PlannedFiles
    cut: int
    outside: int
    aside: tuple[str, ...]
    spelled: str
    findings: tuple[Finding, ...]
    finding_counts: dict[str, int]

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        count, bytes_, root = self.files.count, self.files.bytes, self.data_path
        steps = [f"point {self.point}: {self.commit}"]
        if self.left_out:
            after = either(self.left_out, "snapshot", f"{self.left_out:,} snapshots")
            steps.append(f"the {after} after it that the point holds {either(self.left_out, 'is', 'are')} left out")
        steps.append(f"{many_are(self.kept, 'file')} at {root} already and {either(self.kept, 'stays', 'stay')}")
        if self.blind:
            steps.append(f"{root} cannot be listed: whether it holds files that are newer than the point is not known")
        if self.damaged:
            moved = either(self.damaged, "is moved aside, to a name that ends", "are moved aside, to names that end")
            steps.append(f"{many(self.damaged, 'damaged file')} there {moved} in .damaged-<time>")
        size = f"{bytes_} {either(bytes_, 'byte', 'bytes')}"
        steps.append(f"{many(count, 'file')} ({size}) {either(count, 'is', 'are')} put there")
        steps += cutting_steps(self.cut)
        if self.outside:
            steps.append(f"outside of the data path {many_are(self.outside, 'file')} put where the catalog says")
        steps += self.aside
        if self.spelled:
            steps.append(f"the catalog names them as {self.spelled}, relative to where it is attached")
        steps.append(f"the catalog is written to {self.lake}")
        return tuple(steps)
