"""Copies of damaged files in what AWS Backup saved of the lake's bucket."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import msgspec

from canvasback.catalog.reading.file_commits import file_commits
from canvasback.checks.aws_scratch import Scratch, common_folder, stats_of
from canvasback.checks.copy_search import OF_DAMAGED, CopySearch, not_put_back
from canvasback.checks.kinds import MISSING
from canvasback.clouds.aws_changes import changes_of, damaged_by
from canvasback.clouds.aws_recovery_points import AwsRecoveryPoint, LostObject, State, choose_states
from canvasback.clouds.aws_restore_jobs import EndedJob, RestoreJobs, orders_of
from canvasback.clouds.aws_restores import AwsBackup, RestoreOrder
from canvasback.errors import RefusedError, UsageError
from canvasback.model.aws_choice import AwsChoice
from canvasback.model.finding import Finding
from canvasback.model.level import CheckLevel
from canvasback.model.moment import spelled
from canvasback.model.plurals import either, many, many_are
from canvasback.model.relation import literal
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows
from canvasback.storage.bucket.aws import AwsSettings
from canvasback.storage.bucket.place import BucketPlace
from canvasback.storage.run import Run
from canvasback.storage.store import Stat

_ORIGIN = "aws-backup"
_MANY = 500
"""From so many files on, one job that restores their folder is less than jobs of five."""

_SHOWN = 5
_NEVER = datetime.min.replace(tzinfo=UTC)
_CHOSEN = {"place": "VARCHAR", "source": "VARCHAR", "told": "VARCHAR"}


class _Lost(msgspec.Struct):
    """A lost file, and what is known of copies of it.

    Attributes:
        object: When it was whole, as far as is known.
        file: Its kind and id.
        size: Its bytes.
        why: Why AWS did not give what it may have; empty where that did not happen.
    """

    object: LostObject
    file: tuple[str, int]
    size: int
    why: str = ""


class CopiesInAwsBackup:
    """See `canvasback.checks.copy_search.CopySource`.

    AWS restores an object under its own key, and passes over what is there. So what is missing comes back where it
    was; with a scratch bucket all comes there first, is looked at, and then copied to its place.

    Args:
        run: Tells the time, waits, and opens the buckets.
        root: The data path.
        place: The same, as a place in a bucket of S3.
        choice: What the user decides.
        level: How deeply copies in a scratch bucket are looked at.

    Raises:
        RefusedError: AWS Backup has nothing of the bucket, or not that (``no-recovery-point``); or the bucket is not
            AWS's (``not-at-aws``).
        UsageError: The scratch bucket is none (``scratch-not-understood``).
        AccessDeniedError: AWS Backup may not be asked.
        StorageError: It does not answer.
    """

    def __init__(self, run: Run, root: str, place: BucketPlace, choice: AwsChoice, level: CheckLevel) -> None:
        self._root = root
        self._prefix = place.prefix
        self._aws = AwsSettings(place.root, place.scheme, place.options)
        self._backup = AwsBackup(self._aws, place.name)
        self._scratch = None if choice.scratch is None else _scratch(run, root, place, choice.scratch, level)
        self._lake = place.root
        self._role = choice.role or ""
        self._named = choice.recovery_point is not None
        self._points = _points(self._backup, choice.recovery_point, run.now())
        self._lost: dict[str, _Lost] = {}
        self._chosen: dict[State, list[LostObject]] = {}
        self._warned: set[str] = set()

    def find(self, search: CopySearch) -> None:
        """See `CopySource.find`. What is chosen is where a copy should be: AWS lists the objects of nothing."""
        sought = search.sought(f"starts_with(d.place, {literal(search.root)})")
        keys = self._know(search, sought)
        states = choose_states([self._lost[key].object for key in sorted(keys)], self._points)
        self._chosen = dict(sorted(states.items(), key=lambda found: (found[0].at, found[0].point.arn)))
        chosen = {item.key: state for state, items in self._chosen.items() for item in items}
        self._tell_unheld(search, sorted(keys - chosen.keys()))
        rows = [
            (self._place(key), f"{state.point.arn} {state.at.isoformat()}", _told(state))
            for key, state in chosen.items()
        ]
        noted = OwnTable(search.connection, "chosen", _CHOSEN)
        insert_rows(search.connection, str(noted), _CHOSEN, rows)
        search.connection.execute(
            f"INSERT INTO {search.known.found} SELECT {OF_DAMAGED}, s.size, c.source, '', '', {literal(_ORIGIN)}, "
            f"c.told FROM {sought} d JOIN {noted} c USING (place) "
            f"JOIN ({search.sizes}) s USING (file_kind, file_id)"
        )
        noted.drop()
        sought.drop()

    def steps(self) -> tuple[str, ...]:
        """See `CopySource.steps`."""
        into = self._lake if self._scratch is None else self._scratch.url
        told = []
        for state, items in list(self._chosen.items())[:_SHOWN]:
            jobs = len(self._orders(state, [item.key for item in items]))
            told.append(
                f"{many(jobs, 'job')} of AWS Backup {either(jobs, 'restores', 'restore')} {many(len(items), 'file')} "
                f"into {into}, from {_told(state)}"
            )
        if len(self._chosen) > _SHOWN:
            told.append(f"and others from {many(len(self._chosen) - _SHOWN, 'more state')} of the bucket")
        return tuple(told)

    def put_back(self, search: CopySearch, moment: datetime) -> None:
        """See `CopySource.put_back`. Jobs take minutes, or hours; who interrupts them does not stop them."""
        sizes = {item.key: self._lost[item.key].size for items in self._chosen.values() for item in items}
        if not sizes:
            return
        there = {} if self._scratch is None else self._scratch.free(search, sizes, moment)
        jobs = self._restore(search, sizes.keys() - there.keys())
        restored = stats_of(search, self._lake if self._scratch is None else self._scratch.url, sorted(jobs))
        arrived = {key: stat for key, stat in restored.items() if stat.size == sizes[key]}
        for key, (state, ended) in jobs.items():
            if key not in restored:
                self._note_absent(key, state, ended)
            elif key not in arrived:
                self._lost[key].object = self._lost[key].object.damaged_in(state)
        if self._scratch is not None:
            self._place_whole(search, self._scratch, there | arrived, jobs, moment)

    def _know(self, search: CopySearch, sought: OwnTable) -> set[str]:
        """Find out of the lost files what helps to choose; answer the keys of those that can be restored."""
        rows = search.connection.execute(
            f"SELECT d.place, d.file_kind, d.file_id, d.code, s.size, c.time FROM {sought} d "
            f"JOIN ({search.sizes}) s USING (file_kind, file_id) "
            f"LEFT JOIN ({file_commits(search.image)}) c ON c.first <= d.file_id AND d.file_id < c.next"
        ).fetchall()
        in_the_way = 0
        keys, new = set(), {}
        for place, kind, id_, code, size, time in rows:
            key = self._prefix + place.removeprefix(search.root)
            if code != MISSING.code and self._scratch is None:
                in_the_way += 1
                continue
            keys.add(key)
            if key not in self._lost:
                new[key] = _Lost(LostObject(key=key, since=time or _NEVER), (kind, id_), size)
        self._lost |= new
        self._date(new)
        if in_the_way:
            message = f"{many_are(in_the_way, 'damaged file')} left alone: AWS Backup passes over what is there"
            cure = "Name an empty bucket of the same region that keeps versions: --scratch s3://BUCKET."
            self._warn(search, Finding("scratch-needed", "error", search.root, message, cure))
        return keys

    def _date(self, new: Mapping[str, _Lost]) -> None:
        """Find out by when files were damaged, where the bucket tells."""
        if not new:
            return
        changes = changes_of(self._aws, self._backup.bucket, self._prefix, new.keys())
        for key, lost in new.items():
            until = damaged_by(changes.get(key, []), lost.object.since, lost.size)
            lost.object = msgspec.structs.replace(lost.object, until=until)
            if self._named and not self._points[0].continuous:
                lost.object = lost.object.in_any()

    def _tell_unheld(self, search: CopySearch, keys: list[str]) -> None:
        """Say of which files there is no state left to try: those that AWS would not give are no loss yet."""
        held_back = [key for key in keys if self._lost[key].why]
        for key in held_back:
            search.known.note_unplaced([self._place(key)])
            search.findings.add(not_put_back(self._place(key), "AWS Backup", self._lost[key].why))
        unheld = len(keys) - len(held_back)
        if unheld:
            message = f"AWS Backup has no state of the bucket in which {many_are(unheld, 'lost file')} whole"
            cure = "Heal from elsewhere too. If you know one that has them, name it: --recovery-point ARN."
            self._warn(search, Finding("aws-backup-lacks", "warning", search.root, message, cure))

    def _restore(self, search: CopySearch, keys: set[str]) -> dict[str, tuple[State, EndedJob]]:
        """Run the jobs for some keys; answer what became of each."""
        orders: dict[RestoreOrder, list[str]] = {}
        for state, items in self._chosen.items():
            orders |= self._orders(state, [item.key for item in items if item.key in keys])
        search.run.progress.begin("restoring by AWS Backup", files=len(keys))
        jobs = RestoreJobs(self._backup, cache(self._role_for), search.run.sleep, search.run.progress)
        found: dict[str, tuple[State, EndedJob]] = {}
        for ended in jobs.run(orders):
            found |= dict.fromkeys(orders[ended.order], (ended.order.state, ended))
        search.run.progress.end()
        return found

    def _orders(self, state: State, keys: list[str]) -> dict[RestoreOrder, list[str]]:
        """As few jobs as do, and the keys of each: into another bucket, a whole folder can be restored."""
        bucket = self._backup.bucket
        if self._scratch is None or len(keys) <= _MANY:
            into = bucket if self._scratch is None else self._scratch.bucket
            return {order: list(order.items) for order in orders_of(state, bucket, into, keys)}
        folder = common_folder(keys)
        items = (folder,) if folder else ()
        order = RestoreOrder(state=state, source=bucket, destination=self._scratch.bucket, items=items, files=len(keys))
        return {order: keys}

    def _role_for(self, state: State) -> str:
        role = self._role or self._backup.role_of(state.point)
        if not role:
            raise RefusedError(
                "no-restore-role",
                f"AWS does not say as which role {state.point.arn} was made",
                hint="Name the role that AWS Backup may restore as: --restore-role ARN.",
            )
        return role

    def _note_absent(self, key: str, state: State, ended: EndedJob) -> None:
        lost = self._lost[key]
        lost.object = lost.object.absent_from(state)
        if ended.complaint:
            lost.why = ended.complaint

    def _place_whole(
        self,
        search: CopySearch,
        scratch: Scratch,
        copies: Mapping[str, Stat],
        jobs: Mapping[str, tuple[State, EndedJob]],
        moment: datetime,
    ) -> None:
        damaged, unread = scratch.unfit(search, {key: self._lost[key].file for key in copies})
        for key in damaged & jobs.keys():  # what was there before may be of any state
            self._lost[key].object = self._lost[key].object.damaged_in(jobs[key][0])
        for key, why in unread.items():  # nobody knows what it is: the lake's file is not given up for it
            search.findings.add(not_put_back(self._place(key), scratch.url + key, why))
        whole = {key: stat for key, stat in copies.items() if key not in damaged | unread.keys()}
        search.run.progress.begin("copying from the scratch bucket", files=len(whole))
        search.findings.extend(scratch.put_back(search, whole, moment))
        search.run.progress.end()
        if copies:
            message = f"{many_are(len(copies), 'file')} left here as AWS Backup restored what the lake lacked"
            cure = "Delete them once the lake is whole: nothing else needs them."
            search.findings.add(Finding("left-in-scratch", "info", scratch.url, message, cure))

    def _warn(self, search: CopySearch, finding: Finding) -> None:
        """Add a finding, the first of its code only."""
        if finding.code not in self._warned:
            self._warned.add(finding.code)
            search.findings.add(finding)

    def _place(self, key: str) -> str:
        return self._root + key.removeprefix(self._prefix)


def _points(backup: AwsBackup, named: str | None, moment: datetime) -> list[AwsRecoveryPoint]:
    found = backup.points(moment)
    if named is not None:
        found = [point for point in found if point.arn == named]
    if not found:
        what = "nothing" if named is None else f"no recovery point {named}"
        raise RefusedError(
            "no-recovery-point",
            f"AWS Backup has {what} of the bucket {backup.bucket} that can be restored",
            hint="See what it has, in the bucket's region and account: aws backup list-recovery-points-by-resource "
            f"--resource-arn {backup.arn}.",
        )
    return found


def _scratch(run: Run, root: str, place: BucketPlace, spelled: str, level: CheckLevel) -> Scratch:
    scratch = run.stores.place(spelled)
    if scratch is None or scratch.kind != "s3" or scratch.prefix or scratch.name == place.name:
        raise UsageError(
            "scratch-not-understood",
            f"{spelled} cannot be restored into",
            hint="Name a bucket of S3, and no folder of one: AWS Backup restores objects under their own keys. It has "
            "to be another than the lake's, in the same region, and to keep versions.",
        )
    return Scratch(scratch.root, scratch.name, root, place.prefix, level)


def _told(state: State) -> str:
    return f"AWS's recovery point {state.point.arn}" + (f" at {spelled(state.at)}" if state.point.continuous else "")
