"""What a heal is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.plans.files import PlannedFiles
from canvasback.model.plurals import many
from canvasback.model.results.heal import CatalogRepair


class CatalogChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a catalog, and what is left as it is because nothing helps, or nothing is lost yet.

    Attributes:
        repairs: What is mended, one after the other.
        accepting: Whether losses are accepted.
        left_out: Files that one commit leaves out, as they cannot be read.
        lost_rows: Rows of the newest snapshot that are lost by it.
        returning_rows: Deleted rows that show again by it.
        unhealable: Files that nothing can bring back, those that are left out included.
        unsure: Files that are no loss yet: storage does not let them be read, or put back.
        whole: Files of which every row can be read, whatever is wrong with them.
    """

    repairs: tuple[CatalogRepair, ...]
    accepting: bool
    left_out: int
    lost_rows: int
    returning_rows: int
    unhealable: int
    unsure: int
    whole: int

    @property
    def steps(self) -> tuple[str, ...]:
        """The changes in words, in order."""
        steps = [f"{repair.code}: {repair.words}" for repair in self.repairs]
        if self.left_out:
            steps.append(
                f"one commit leaves out {many(self.left_out, 'file')} that cannot be read: "
                f"{many(self.lost_rows, 'row')} are lost, {self.returning_rows} that were deleted show again"
            )
        elif self.unhealable and not self.accepting:
            steps.append(
                f"{many(self.unhealable, 'file')} cannot be healed; --accept-loss makes the newest snapshot readable "
                "without them"
            )
        if self.accepting and self.unsure:
            steps.append(
                f"{many(self.unsure, 'file')} not left out: storage does not let them be read, or put back, which is "
                "no loss yet. See to the permissions and the network, and move away what is beyond rescue"
            )
        if self.whole:
            steps.append(
                f"{many(self.whole, 'file')} not left out, whatever is wrong there: every row can be read, so "
                "that nothing is lost yet. Move away by hand what is not to be kept"
            )
        return tuple(steps)


class HealPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A live lake is about to be healed: first its files, then its catalog.

    Where a copy turns out to be damaged too, what becomes of the catalog is planned anew before it is changed.

    Attributes:
        lake: The catalog.
        data_path: Where its files are.
        repository: Where a point is made before the catalog is changed; empty for nowhere.
        files: Files of which there is a copy.
        jobs: What a service has to do first that gives the copies, in words.
        rewritten: Merged files that are written anew from the files that were merged into them.
        catalog: What becomes of the catalog then.
    """

    lake: str
    data_path: str
    repository: str
    files: PlannedFiles
    jobs: tuple[str, ...] = ()
    rewritten: int
    catalog: CatalogChanges

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        steps = list(self.jobs)
        if self.files.count:
            steps.append(
                f"{many(self.files.count, 'file')} ({self.files.bytes} bytes) put back, byte for byte; what is there "
                "is moved aside, to names that end in .damaged-<time>"
            )
        if self.rewritten:
            steps.append(
                f"{many(self.rewritten, 'merged file')} written anew from the files that were merged into it, which "
                "are still there: the same rows in the same order"
            )
        if (self.catalog.repairs or self.catalog.left_out or self.rewritten) and self.repository:
            steps.append(f"before the catalog is changed, a point of the lake as it is is made in {self.repository}")
        steps += self.catalog.steps
        return tuple(steps or ["nothing is to be done"])
