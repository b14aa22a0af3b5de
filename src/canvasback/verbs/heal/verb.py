"""heal: put back what a live lake lost, mend what is provably wrong, and say what stays lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.catalog.engines import open_to_change
from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import edited, statements
from canvasback.catalog.writing.loss_commit import Unreadable, loss_commit_edits
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.checks import WholeFiles
from canvasback.checks.copies import Copies, Healed
from canvasback.checks.damaged_files import DamagedFiles
from canvasback.checks.diagnosis import Diagnosis, Examiner
from canvasback.checks.known_copies import KnownCopies
from canvasback.checks.repository_files import open_of_lake, refuse_without_repository
from canvasback.datapath.damaged_file import aside_suffix
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import RefusedError, UsageError
from canvasback.model.aws_choice import AwsChoice
from canvasback.model.clock import now
from canvasback.model.finding import Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.level import CheckLevel
from canvasback.model.plans.heal import CatalogChanges, HealPlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.heal import CatalogRepair, HealResult, Loss
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.local.new_file import refuse_unwritable
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.transfer.safety_point import make_safe
from canvasback.verbs.heal.catalog import planned_repairs, repair_file_rows, repair_rules
from canvasback.verbs.heal.healed import told_healed
from canvasback.verbs.heal.leftovers import sweep_folders
from canvasback.verbs.heal.losses import Losses
from canvasback.verbs.heal.merged import Merged, find_merged, has_sources, without_copy, write_merged
from canvasback.verbs.heal.sources import AWS_BACKUP, find_sources

_KEPT = 1000
"""How many files are told one by one."""


@translates_errors
def heal(
    lake: str,
    repository: str | None = None,
    *,
    source: str | None = None,
    recovery_point: str | None = None,
    scratch: str | None = None,
    restore_role: str | None = None,
    level: CheckLevel | str = CheckLevel.FOOTERS,
    accept_loss: bool = False,
    data_path: str | None = None,
    dry_run: bool = False,
    manifest: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
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
        source: Where else copies may be: ``versions`` or ``soft-deleted``, as the lake's bucket keeps them;
            ``aws-backup``, as AWS Backup saved them; or a replica of the data path, as a folder or URL: what a bucket
            was replicated to, or an old disk; ``replica`` for the one that the repository knows of.
        recovery_point: Of AWS's recovery points the one to take, by its ARN; None for those whose times fit.
        scratch: A bucket into which AWS Backup restores first; it has to keep versions, in the region of the lake's.
            What is damaged, rather than missing, needs one: AWS Backup passes over what is there.
        restore_role: The role that AWS Backup restores as, by its ARN; None for the one that it saved as.
        level: How deeply to look for damage, see `canvasback.check`.
        accept_loss: Make one commit that leaves out what cannot be healed, so that the newest snapshot can be read
            again. Files that storage does not let be read or put back are not left out, nor those of which every row
            can be read.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.
        manifest: Make the plan only, and write what a bucket has of the lost files to this new file: as S3 Batch
            Operations and Storage Transfer take it, which bring back a million of them by themselves.
        sleep: Waits so many seconds while AWS Backup works.
        jobs: How many files are worked on at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        UsageError: There is no such level (``unknown-level``), or it is ``checksum`` without a repository
            (``no-repository``); nothing keeps versions or what was deleted (``no-versions``); a choice makes no
            sense without AWS Backup (``options-together``), or the scratch bucket none (``scratch-not-understood``).
        RefusedError: The repository is of another lake (``other-lake``), there is no replica (``no-replica``), AWS
            Backup has nothing to restore (``not-at-aws``, ``no-recovery-point``, ``no-restore-role``);
            a loss is to be accepted, and nothing of the lake is at the data path (``data-path-empty``); or there is
            something at the place of the manifest (``target-not-empty``), or that is a URL (``url-not-writable``).
            Nothing was changed.
        LockedError: The catalog is to be changed, and somebody has it open or changed it meanwhile, or goes on
            writing to the repository; files that were put back stay.
        LakeError: The catalog cannot be read.
    """
    level = CheckLevel.of(level)
    refuse_without_repository(level, repository)
    choice = AwsChoice(recovery_point=recovery_point, scratch=scratch, role=restore_role)
    if choice.given and source != AWS_BACKUP:
        raise UsageError(
            "options-together",
            "a recovery point of AWS's, a scratch bucket or a role is named, and copies are not to come from there",
            hint="Add --from aws-backup, or leave it out.",
        )
    if manifest is not None:
        refuse_unwritable(manifest, "manifest")
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock, sleep=sleep)
    healing = _Heal(run, parse_lake(lake), repository, source, level, data_path, choice)
    return healing.heal(accept_loss=accept_loss, dry_run=dry_run, manifest=manifest)


class _Left(msgspec.Struct, frozen=True, kw_only=True):
    """What nothing brings back, and what becomes of the catalog by it."""

    catalog: CatalogChanges
    losses: tuple[Loss, ...]
    unreadable: list[Unreadable]


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
        choice: AwsChoice,
    ) -> None:
        self.run = run
        self.lake = lake
        self.engine = open_to_change(lake)
        self.repository = repository
        self.source = source
        self.level = level
        self.data_path = data_path
        self.choice = choice
        self.root = ""
        self.safety_point = ""
        self.findings = Findings()

    def heal(self, *, accept_loss: bool, dry_run: bool, manifest: str | None) -> HealResult:
        with open_lake(self.engine, self.lake, data_path=self.data_path) as live:
            image = live.image
            self.root = live.root()
            opened = open_of_lake(image, self.run.stores, self.repository, self.lake) if self.repository else None
            examiner = Examiner(self.run, self.root, self.level, opened, self.run.now())
            diagnosis = examiner.diagnose(image)
            self.findings.merge(examiner.passed_over)
            if accept_loss and diagnosis.empty is not None:
                raise _nothing_there(self.root)
            repairs = tuple(planned_repairs(image, diagnosis.faults, diagnosis.damaged))
            sources = find_sources(image, self.run, opened, self.source, self.root, self.level, self.choice)
            copies = Copies(image, diagnosis.damaged, self.root, self.run, sources, self.findings)
            copies.find()
            merged = self._mergeable(image, diagnosis.damaged, copies.known)
            helpless = without_copy(merged, copies.known)
            left = self._left(image, diagnosis, repairs, copies.known, helpless, accepting=accept_loss)
            plan = HealPlan(
                lake=str(self.lake),
                data_path=self.root,
                repository=self.repository or "",
                files=copies.planned(),
                jobs=copies.steps(),
                rewritten=len(merged),
                catalog=left.catalog,
            )
            if dry_run or manifest is not None:
                listed = copies.write_manifest(manifest) if manifest is not None else None
                self.findings.merge(diagnosis.findings())
                healed = told_healed(copies.healed(diagnosis, _KEPT, planned=True), merged, diagnosis, _KEPT)
                return self._result(plan, left, healed, dry_run=True, manifest_files=listed)
            sweep_folders(image, self.root)
            self._put_back(image, diagnosis.damaged, copies, examiner, plan)
            image, merged = self._write_merged(image, diagnosis.damaged, copies.known, examiner)
            healed = told_healed(copies.healed(diagnosis, _KEPT, planned=False), merged, diagnosis, _KEPT)
            left = self._left(image, diagnosis, repairs, copies.known, "true", accepting=accept_loss)
            plan = msgspec.structs.replace(plan, catalog=left.catalog)
            damaged = diagnosis.damaged.ids()
            mended: list[CatalogRepair] = []
            if repairs or left.unreadable:
                self._make_safe()
                mended += repair_file_rows(self.engine, image, diagnosis.damaged)
        if diagnosis.faults:
            mended += repair_rules(self.engine, self.root, self.run.stores)
        accepted = self._accept(left.unreadable) if left.unreadable else None
        with open_lake(self.engine, self.lake, may_be_incomplete=True) as live:
            after = examiner.look_again(live.image, damaged)
            after.strays = diagnosis.strays
            after.empty = None if healed.count else diagnosis.empty
            self.findings.merge(after.findings())
        return self._result(plan, left, healed, dry_run=False, mended=tuple(mended), accepted=accepted)

    def _mergeable(self, image: Image, damaged: DamagedFiles, copies: KnownCopies) -> list[Merged]:
        found = find_merged(image, damaged, copies, self.root)
        return [merged for merged in found if has_sources(merged, self.run.stores)]

    def _left(
        self,
        image: Image,
        diagnosis: Diagnosis,
        repairs: tuple[CatalogRepair, ...],
        copies: KnownCopies,
        where: str,
        *,
        accepting: bool,
    ) -> _Left:
        """See which damaged files there is no help for, and what becomes of the catalog."""
        whole = WholeFiles(image, diagnosis.damaged, self.root, self.run, look=accepting)
        losses = Losses(image, diagnosis, copies, whole, where)
        unreadable = losses.unreadable() if accepting else []
        catalog = CatalogChanges(
            repairs=repairs,
            accepting=accepting,
            left_out=len(unreadable),
            lost_rows=losses.rows,
            returning_rows=losses.returning,
            unhealable=losses.count,
            unsure=losses.unsure,
            whole=losses.whole,
        )
        return _Left(catalog=catalog, losses=losses.first(_KEPT), unreadable=unreadable)

    def _put_back(
        self, image: Image, damaged: DamagedFiles, copies: Copies, examiner: Examiner, plan: HealPlan
    ) -> None:
        """Put back what has a copy. What was saved may be damaged too: then the next older copy is tried."""
        found = plan.files.count
        while found:
            copies.put_back(self.run.now())
            examiner.recheck(image, damaged)
            found = copies.find()

    def _write_merged(
        self, image: Image, damaged: DamagedFiles, copies: KnownCopies, examiner: Examiner
    ) -> tuple[Image, list[Merged]]:
        """Write merged files anew; answer the image with what the catalog says then, and which were written."""
        written: list[Merged] = []
        found = self._mergeable(image, damaged, copies)
        if not found:
            return image, written
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
            written.append(merged)
        examiner.recheck(image, damaged)
        return image, written

    def _make_safe(self) -> None:
        if self.repository is not None and not self.safety_point:
            # Damage is no commit: whether there is a new one does not tell whether a point has the catalog as it is.
            point = make_safe(str(self.lake), self.repository, self.run, data_path=self.root, only_new=False)
            self.safety_point = point.point

    def _accept(self, unreadable: list[Unreadable]) -> int:
        with open_lake(self.engine, self.lake, may_be_incomplete=True) as live:
            image = live.image
            head, committed, _ = image.head()
            edits = loss_commit_edits(image, unreadable, max(self.run.now(), committed))
            self.engine.change(statements(edits), expected_of(image))
        return head + 1

    def _result(
        self,
        plan: HealPlan,
        left: _Left,
        healed: Healed,
        *,
        dry_run: bool,
        mended: tuple[CatalogRepair, ...] | None = None,
        accepted: int | None = None,
        manifest_files: int | None = None,
    ) -> HealResult:
        return HealResult(
            lake=plan.lake,
            data_path=plan.data_path,
            level=self.level,
            steps=plan.steps,
            dry_run=dry_run,
            safety_point=self.safety_point,
            healed=healed.first,
            healed_files=healed.count,
            healed_bytes=healed.bytes,
            repairs=plan.catalog.repairs if mended is None else mended,
            losses=left.losses,
            lost_files=plan.catalog.unhealable,
            accepted_snapshot=accepted,
            manifest_files=manifest_files,
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
