"""heal: put back what a live lake lost, mend what is provably wrong, and say what stays lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.catalog.engines import open_to_change
from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import edited, statements
from canvasback.catalog.writing.loss_commit import Unreadable, loss_commit_edits
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.checks import note_whole
from canvasback.checks.diagnosis import Diagnosis, Examiner, damaged_files
from canvasback.checks.repository_files import open_of_lake, refuse_without_repository
from canvasback.datapath.damaged_file import aside_suffix
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import RefusedError
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.level import CheckLevel
from canvasback.model.plurals import many
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.heal import CatalogRepair, HealedFile, HealResult, Loss
from canvasback.repository.repository import Repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.safety_point import make_safe
from canvasback.verbs.heal.catalog import planned_repairs, repair_file_rows, repair_rules
from canvasback.verbs.heal.copies import UNSOURCED, Copies
from canvasback.verbs.heal.leftovers import sweep_folders
from canvasback.verbs.heal.losses import Losses
from canvasback.verbs.heal.merged import MERGED, Merged, find_merged, has_sources, note_planned, write_merged
from canvasback.verbs.heal.replica import find_replica

_KEPT = 1000
"""How many files are told one by one."""


@translates_errors
def heal(
    lake: str,
    repository: str | None = None,
    *,
    source: str | None = None,
    level: CheckLevel | str = CheckLevel.FOOTERS,
    accept_loss: bool = False,
    data_path: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> HealResult:
    """Find damage as `check` does, and heal what can be healed.

    Files that are gone or damaged are put back byte for byte, what is there in their place is moved aside. Of the
    catalog, only that is changed which provably changes nothing that a reader could see, one kind of damage after the
    other. What cannot be healed is listed.

    Args:
        lake: The lake, as in ATTACH.
        repository: The lake's repository: its points hold copies. Before the catalog is changed, a point is made of
            the lake as it is.
        source: A replica of the data path, as a folder or URL: what a bucket was replicated to, or an old disk.
        level: How deeply to look for damage, see `canvasback.check`.
        accept_loss: Make one commit that leaves out what cannot be healed, so that the newest snapshot can be read
            again. Files that storage does not let be read or put back are not left out, nor those of which every row
            can be read.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: There is no such level (``unknown-level``), or it is ``checksum`` without a repository
            (``no-repository``).
        RefusedError: The repository is of another lake (``other-lake``), there is no replica (``no-replica``);
            a loss is to be accepted, and nothing of the lake is at the data path (``data-path-empty``). Nothing was
            changed.
        LockedError: The catalog is to be changed, and somebody has it open or changed it meanwhile, or goes on
            writing to the repository; files that were put back stay.
        LakeError: The catalog cannot be read.
    """
    level = CheckLevel.of(level)
    refuse_without_repository(level, repository)
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    healing = _Heal(run, parse_lake(lake), repository, source, level, data_path)
    return healing.heal(accept_loss=accept_loss, dry_run=dry_run)


class _Done(msgspec.Struct):
    """What was done, or would be."""

    steps: list[str] = []
    healed: tuple[HealedFile, ...] = ()
    healed_files: int = 0
    healed_bytes: int = 0
    rewritten: int = 0
    repairs: list[CatalogRepair] = []
    losses: tuple[Loss, ...] = ()
    lost_files: int = 0
    safety_point: str = ""
    accepted: int | None = None


class _Heal:
    """One run of heal."""

    def __init__(
        self,
        run: Run,
        lake: LakeName,
        repository: str | None,
        source: str | None,
        level: CheckLevel,
        data_path: str | None,
    ) -> None:
        self.run = run
        self.lake = lake
        self.engine = open_to_change(lake)
        self.repository = repository
        self.source = source
        self.level = level
        self.data_path = data_path
        self.root = ""
        self.findings = Findings()
        self.done = _Done()

    def heal(self, *, accept_loss: bool, dry_run: bool) -> HealResult:
        done = self.done
        with open_lake(self.engine, self.lake, data_path=self.data_path) as live:
            image = live.image
            self.root = live.root()
            opened = open_of_lake(image, self.run.stores, self.repository, self.lake) if self.repository else None
            examiner = Examiner(self.run, self.root, self.level, opened, self.run.now())
            diagnosis = examiner.diagnose(image)
            self.findings.merge(examiner.passed_over)
            if accept_loss and diagnosis.empty is not None:
                raise _nothing_there(self.root)
            done.repairs = planned_repairs(image, diagnosis.faults)
            image = self._heal_files(image, examiner, opened, diagnosis, dry_run=dry_run)
            note_whole(image, self.root, self.run, look=accept_loss)
            losses = Losses(image, diagnosis, UNSOURCED if dry_run else "true")
            done.losses, done.lost_files = losses.first(_KEPT), losses.count
            unreadable = losses.unreadable() if accept_loss else []
            self._plan(losses, unreadable, accept_loss=accept_loss)
            if dry_run:
                self.findings.merge(diagnosis.findings(image))
                return self._result(dry_run=True)
            damaged = _damaged(image)
            if done.repairs or unreadable:
                self._make_safe()
                done.repairs = repair_file_rows(self.engine, image)
        if diagnosis.faults:
            done.repairs += repair_rules(self.engine, self.root, self.run.stores)
        if unreadable:
            self._accept(unreadable)
        with open_lake(self.engine, self.lake, may_be_incomplete=True) as live:
            image = live.image
            after = examiner.look_again(image, damaged)
            after.strays = diagnosis.strays
            after.empty = None if self.done.healed_files else diagnosis.empty
            self.findings.merge(after.findings(image))
        return self._result(dry_run=False)

    def _heal_files(
        self,
        image: Image,
        examiner: Examiner,
        opened: Repository | None,
        diagnosis: Diagnosis,
        *,
        dry_run: bool,
    ) -> Image:
        """Put back what has a copy. What was saved may be damaged too: then the next older copy is tried."""
        replica = find_replica(image, self.run.stores, self.source, self.root) if self.source is not None else None
        copies = Copies(image, self.root, self.run, opened, replica, self.findings)
        if not dry_run:
            sweep_folders(image, self.root)
        while copies.find(self.level) and not dry_run:
            copies.put_back(self.run.now())
            examiner.recheck(image, _damaged(image))
        done = self.done
        done.healed, done.healed_files, done.healed_bytes = copies.healed(diagnosis, _KEPT, planned=dry_run)
        return self._write_merged(image, examiner, diagnosis, dry_run=dry_run)

    def _write_merged(self, image: Image, examiner: Examiner, diagnosis: Diagnosis, *, dry_run: bool) -> Image:
        """Write merged files anew from what was merged into them; answer the image with what the catalog says then."""
        found = [merged for merged in find_merged(image, self.root) if has_sources(merged, self.run.stores)]
        if not found:
            return image
        if dry_run:
            for merged in found:
                self._note_rewritten(merged, diagnosis)
                note_planned(image, merged)
            return image
        self.engine.change((), expected_of(image))  # not to write files of which the catalog cannot be told
        self._make_safe()
        suffix = aside_suffix(self.run.now())
        for merged in found:
            edit = write_merged(merged, self.run.stores, suffix)
            if edit is None:
                continue
            self.run.stores.sync()
            self.engine.change(statements([edit]), expected_of(image))
            image = edited(image, [edit])
            self._note_rewritten(merged, diagnosis)
        examiner.recheck(image, _damaged(image))
        return image

    def _note_rewritten(self, merged: Merged, diagnosis: Diagnosis) -> None:
        done = self.done
        done.rewritten += 1
        done.healed_files += 1
        file = HealedFile(place=merged.place, table=diagnosis.name(merged.table_id), code=merged.code, source=MERGED)
        done.healed = (*done.healed, file)[:_KEPT]

    def _plan(self, losses: Losses, unreadable: list[Unreadable], *, accept_loss: bool) -> None:
        """What is done, in words."""
        done = self.done
        steps = done.steps
        put_back = done.healed_files - done.rewritten
        if put_back:
            steps.append(
                f"{many(put_back, 'file')} ({done.healed_bytes} bytes) put back, byte for byte; what is there "
                "is moved aside, to names that end in .damaged-<time>"
            )
        if done.rewritten:
            steps.append(
                f"{many(done.rewritten, 'merged file')} written anew from the files that were merged into it, which "
                "are still there: the same rows in the same order"
            )
        if (done.repairs or unreadable or done.rewritten) and self.repository:
            steps.append(f"before the catalog is changed, a point of the lake as it is is made in {self.repository}")
        steps += [f"{repair.code}: {repair.words}" for repair in done.repairs]
        if unreadable:
            steps.append(
                f"one commit leaves out {many(len(unreadable), 'file')} that cannot be read: "
                f"{many(losses.rows, 'row')} "
                f"are lost, {losses.returning} that were deleted show again"
            )
        elif losses.count and not accept_loss:
            steps.append(
                f"{many(losses.count, 'file')} cannot be healed; --accept-loss makes the newest snapshot readable "
                "without them"
            )
        if accept_loss and losses.unsure:
            steps.append(
                f"{many(losses.unsure, 'file')} not left out: storage does not let them be read, or put back, which is "
                "no loss yet. See to the permissions and the network, and move away what is beyond rescue"
            )
        if losses.whole:
            steps.append(
                f"{many(losses.whole, 'file')} not left out, whatever is wrong there: every row can be read, so "
                "that nothing is lost yet. Move away by hand what is not to be kept"
            )
        if not steps:
            steps.append("nothing is to be done")

    def _make_safe(self) -> None:
        if self.repository is not None and not self.done.safety_point:
            # Damage is no commit: whether there is a new one does not tell whether a point has the catalog as it is.
            point = make_safe(str(self.lake), self.repository, self.run, data_path=self.root, only_new=False)
            self.done.safety_point = point.point

    def _accept(self, unreadable: list[Unreadable]) -> None:
        with open_lake(self.engine, self.lake, may_be_incomplete=True) as live:
            image = live.image
            head, committed, _ = image.head()
            edits = loss_commit_edits(image, unreadable, max(self.run.now(), committed))
            self.engine.change(statements(edits), expected_of(image))
            self.done.accepted = head + 1

    def _result(self, *, dry_run: bool) -> HealResult:
        done = self.done
        return HealResult(
            lake=str(self.lake),
            data_path=self.root,
            level=self.level,
            steps=tuple(done.steps),
            dry_run=dry_run,
            safety_point=done.safety_point,
            healed=done.healed,
            healed_files=done.healed_files,
            healed_bytes=done.healed_bytes,
            repairs=tuple(done.repairs),
            losses=done.losses,
            lost_files=done.lost_files,
            accepted_snapshot=done.accepted,
            seconds=self.run.seconds,
            findings=self.findings.kept,
            finding_counts=self.findings.counts,
        )


def _nothing_there(root: str) -> RefusedError:
    return RefusedError(
        "data-path-empty",
        f"nothing of the lake is at {root}: so a disk looks that is not mounted, and what is on it is not lost",
        hint="Mount it, or say with --data-path where the files are. If it is lost, run heal without --accept-loss: it "
        "puts back what has a copy. If nothing has one, make the folder of a table anew (in a bucket, any object in "
        "it), and run it again.",
    )


def _damaged(image: Image) -> list[tuple[str, int]]:
    return [(file.file_kind, file.file_id) for file in damaged_files(image)]
