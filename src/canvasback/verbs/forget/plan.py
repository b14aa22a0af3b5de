"""Which points go, and what goes with them: the plan, made of the points and of the register as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import duckdb
import msgspec

from canvasback.errors import RefusedError
from canvasback.history.moments import head_of
from canvasback.history.unreachable import READ, held_snapshots, lost_snapshots, lost_tables
from canvasback.model.clock import refuse_clock_behind
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Manifest
from canvasback.model.progress import Progress
from canvasback.model.register import Register, held_words
from canvasback.model.results.forget import ForgetResult, JudgedPoint
from canvasback.model.retention import Candidate, Policy, Verdict, evaluate
from canvasback.repository import layout
from canvasback.repository.points import find_point, stored_points
from canvasback.repository.reachability import Reachability
from canvasback.repository.readable_points import Damage, ReadablePoints
from canvasback.storage.owner import owner_of
from canvasback.storage.store import Store

BY_NAME = "by name"

_STAY_CURE = "See that what stays there is kept as long as points need it, and no longer than you want to pay for."


class Planning(msgspec.Struct, kw_only=True):
    """A plan in the making.

    Attributes:
        connection: Where it is worked out.
        store: The repository.
        register: What people say of its points.
        now: The time.
        progress: Told how the reading goes on.
        damaged: The points that cannot be read, with what is wrong.
    """

    connection: duckdb.DuckDBPyConnection
    store: Store
    register: Register
    now: datetime
    progress: Progress
    damaged: dict[str, Damage] = {}

    def plan(self, wanted: Collection[str], policy: Policy, *, dry_run: bool) -> ForgetResult:
        """Make the plan.

        Args:
            wanted: The points that were named.
            policy: Decides where none was.
            dry_run: Whether it stays one.

        Raises:
            UsageError: The policy keeps nothing (``keeps-nothing``), or a point that was named is not there.
            RefusedError: The clock is behind (``clock-behind``), or the newest point (``newest-point``) or one that is
                held (``held-point``) was named.
        """
        named = {find_point(self.store, one) for one in wanted}
        before = self.register.forgotten()
        shown = [id_ for id_ in stored_points(self.store) if id_ not in before]
        reach = Reachability(self.connection, self.store, READ)
        candidates = self._read(reach, shown)
        refuse_clock_behind(candidates[-1].time if candidates else None, self.now)
        if wanted:
            self._refuse_named(named, candidates[-1:])
            verdicts = [Verdict(id_, ()) for id_ in shown if id_ in named]
        else:
            if policy.keep_snapshot_span:
                candidates = [self._with_snapshots(reach, one) for one in candidates]
            verdicts = list(evaluate(policy, candidates, self.now))
        going = {verdict.point for verdict in verdicts if not verdict.reasons}
        return self._result(
            reach, candidates, verdicts, going, reason=BY_NAME if wanted else str(policy), dry_run=dry_run
        )

    def _read(self, reach: Reachability, ids: list[str]) -> list[Candidate]:
        """All points that can be read, with all that they name, oldest first."""

        def read(manifest: Manifest) -> Candidate:
            reach.add(manifest)
            self.progress.advance(files=1)
            return Candidate(
                point=manifest.id,
                time=_time(manifest.id),
                timeline=manifest.timeline,
                lacks_files=manifest.totals.absent > 0,
                marks=self.register.marks(manifest.id),
            )

        self.progress.begin("reading points", files=len(ids))
        points = ReadablePoints(self.store, self.damaged.__setitem__)
        found = list(points.each(ids, read))
        self.progress.end()
        return found

    def _with_snapshots(self, reach: Reachability, one: Candidate) -> Candidate:
        return msgspec.structs.replace(one, snapshots=held_snapshots(self.connection, reach, one.point))

    def _refuse_named(self, named: Collection[str], newest: Iterable[Candidate]) -> None:
        for one in newest:
            if one.point in named:
                raise RefusedError(
                    "newest-point",
                    f"{one.point} is the newest point that can be read, and that one is never forgotten",
                    hint="Make another point first.",
                )
        for id_ in sorted(named):
            marks = self.register.marks(id_)
            if marks.is_held(self.now):
                raise RefusedError(
                    "held-point",
                    f"point {id_} is {held_words(marks.held_until)}",
                    hint="Let go of it first, if nobody needs it any more: hold POINT --release.",
                )

    def _result(
        self,
        reach: Reachability,
        candidates: list[Candidate],
        verdicts: list[Verdict],
        going: Collection[str],
        *,
        reason: str,
        dry_run: bool,
    ) -> ForgetResult:
        readable = [one for one in candidates if one.point in going]
        kept = [one.point for one in candidates if one.point not in going]
        timelines: dict[int, list[str]] = {}
        for one in readable:
            timelines.setdefault(one.timeline, []).append(one.point)
        findings = Findings()
        findings.extend(_kept_unread(id_, damage) for id_, damage in self.damaged.items() if id_ not in going)
        objects, bytes_ = (None, None) if findings.kept else self._freed(reach, [*going], kept)
        owner = owner_of(self.store)
        if going and owner is not None and owner.holding is not None:
            findings.add(Finding("files-stay", "info", owner.holding.url, owner.holding.stays, _STAY_CURE))
        on = {one.point: one.timeline for one in candidates}
        return ForgetResult(
            repository=self.store.url,
            reason=reason,
            points=tuple(
                JudgedPoint(
                    point=verdict.point,
                    created=_time(verdict.point),
                    timeline=on.get(verdict.point, 0),
                    snapshot_id=head_of(verdict.point),
                    kept=verdict.point not in going,
                    reasons=verdict.reasons or (reason,),
                )
                for verdict in verdicts
            ),
            unreachable=lost_snapshots(self.connection, reach, timelines, kept),
            lost_tables=lost_tables(self.connection, reach, [one.point for one in readable], kept),
            freed_objects=objects,
            freed_bytes=bytes_,
            findings=findings.kept,
            finding_counts=findings.counts,
            dry_run=dry_run,
        )

    def _freed(self, reach: Reachability, going: list[str], kept: list[str]) -> tuple[int, int]:
        """What the next prune may delete: those that were forgotten before go with it."""

        def add(manifest: Manifest) -> str:
            reach.add(manifest)
            return manifest.id

        marks = {id_: self.register.marks(id_) for id_ in stored_points(self.store)}
        before = [id_ for id_, one in marks.items() if one.forgotten is not None and not one.pruning]
        return reach.freed([*going, *ReadablePoints(self.store).each(before, add)], kept)


def _time(point: str) -> datetime:
    found = layout.point_time(point)
    assert found is not None  # else it would be no point
    return found


def _kept_unread(point: str, damage: Damage) -> Finding:
    message = f"the point cannot be read, and is kept; what would be freed is not known: {damage.message}"
    return Finding(damage.code, "error", point, message, damage.hint)
