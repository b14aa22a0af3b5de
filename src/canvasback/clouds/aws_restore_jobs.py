"""Many restore jobs of AWS Backup: a few at a time, and waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from canvasback.clouds.aws_recovery_points import State
from canvasback.clouds.aws_restores import MOST_ITEMS, AwsBackup, RestoreJob, RestoreOrder
from canvasback.errors import RefusedError, StorageError
from canvasback.model.progress import Progress

_AT_A_TIME = 20
_FIRST, _LONGEST, _SLOWER = 5.0, 60.0, 1.5
"""Seconds between two looks at what runs: most jobs take minutes, large ones hours."""

_NO_MATCH = "There are no objects that match"
_PATIENCE = 10
"""How many looks in a row may find nobody who answers."""


class EndedJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that ended, well or not.

    Attributes:
        order: What it was to do.
        id: Its name at AWS; empty where AWS did not start it.
        completed: Whether it did what it could, which may be a part of it, or nothing.
        message: What AWS says of it.
    """

    order: RestoreOrder
    id: str
    completed: bool
    message: str

    @property
    def complaint(self) -> str:
        """Why objects may be in AWS's recovery point that did not come back; empty where those are not in it."""
        if self.completed and (not self.message or self.message.startswith(_NO_MATCH)):
            return ""
        return self.message or "AWS does not say why"


class RestoreJobs:
    """Runs restore jobs.

    Args:
        backup: AWS Backup.
        role_for: Gives the ARN of the role that it restores as.
        sleep: Waits so many seconds.
        progress: Told how many of the files that were hoped for are done with.
    """

    def __init__(
        self,
        backup: AwsBackup,
        role_for: Callable[[State], str],
        sleep: Callable[[float], None],
        progress: Progress,
    ) -> None:
        self._backup = backup
        self._role_for = role_for
        self._sleep = sleep
        self._progress = progress
        self._unanswered = 0

    def run(self, orders: Iterable[RestoreOrder]) -> Iterator[EndedJob]:
        """Start jobs, a few at a time, and tell of each when it has ended; in no order.

        Jobs cannot be stopped: who takes no more of the answers leaves those that run to their end.

        Raises:
            AccessDeniedError: We may not start them, or not ask how far they are.
            StorageError: AWS Backup has not answered for long (``storage-unreachable``); jobs that run go on.
        """
        waiting = iter(orders)
        running: dict[str, _Running] = {}
        pause = _FIRST
        while True:
            while len(running) < _AT_A_TIME and (order := next(waiting, None)) is not None:
                started = self._start(order)
                if isinstance(started, EndedJob):
                    self._progress.advance(files=order.files)
                    yield started
                else:
                    running[started.id] = _Running(order)
            if not running:
                return
            self._sleep(pause)
            ended = list(self._look(running))
            yield from ended
            pause = _FIRST if ended else min(pause * _SLOWER, _LONGEST)

    def _start(self, order: RestoreOrder) -> RestoreJob | EndedJob:
        role = self._role_for(order.state)
        try:
            return self._backup.start(order, role)
        except RefusedError as error:
            return EndedJob(order=order, id="", completed=False, message=error.message)

    def _look(self, running: dict[str, _Running]) -> Iterator[EndedJob]:
        for id_ in list(running):
            try:
                job = self._backup.look_at(id_)
            except StorageError as error:
                self._unanswered += 1
                if error.code != "storage-unreachable" or self._unanswered >= _PATIENCE:
                    raise
                return
            self._unanswered = 0
            order, told = running[id_].order, running[id_].told
            done = order.files if job.ended else int(order.files * job.share)
            if done > told:
                self._progress.advance(files=done - told)
                running[id_].told = done
            if job.ended:
                del running[id_]
                yield EndedJob(order=order, id=id_, completed=job.completed, message=job.message)


def orders_of(state: State, source: str, destination: str, keys: Iterable[str]) -> Iterator[RestoreOrder]:
    """Orders for single objects: as few as can be.

    Args:
        state: What they are brought back from.
        source: The bucket that was saved.
        destination: The bucket that gets them.
        keys: Their keys.
    """
    left = list(keys)
    for start in range(0, len(left), MOST_ITEMS):
        items = tuple(left[start : start + MOST_ITEMS])
        yield RestoreOrder(state=state, source=source, destination=destination, items=items, files=len(items))


class _Running(msgspec.Struct):
    order: RestoreOrder
    told: int = 0
