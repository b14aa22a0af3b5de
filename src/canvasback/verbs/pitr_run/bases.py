"""Base backups are made when they are due, beside the archiving of the log, which does not wait for them."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Self

import zstandard

from canvasback.model.base_backup import BaseBackup, chain
from canvasback.model.lake import LakeName
from canvasback.model.results.pitr_run import BaseMade
from canvasback.model.wal import Lsn, Segment
from canvasback.postgres.packed_base import check_base, store_base
from canvasback.postgres.programs import Programs, connection_arguments
from canvasback.postgres.reach import leads_to
from canvasback.postgres.repository_archive import RepositoryArchive
from canvasback.postgres.server import ServerFacts, refuse_tablespaces
from canvasback.repository.bases import SUMS, TAR, base_id, base_name, publish_base, read_bases
from canvasback.repository.repository import Repository
from canvasback.storage.run import Run
from canvasback.storage.temporary import temporary_folder

INCREMENTAL = 17
"""The first version that makes incremental base backups."""


class Bases:
    """The base backups of a run. Use as a context manager, which waits for the one that is being made.

    Args:
        run: Tells the time.
        lake: The lake.
        facts: Its server.
        programs: Those of the server's version.
        repository: Where they go.
        every: How often one is made.
        full_every: How many incremental ones rest on a full one at most; 0 for full ones only.
    """

    def __init__(
        self,
        run: Run,
        lake: LakeName,
        facts: ServerFacts,
        programs: Programs,
        repository: Repository,
        every: timedelta,
        full_every: int,
    ) -> None:
        self._run = run
        self._lake = lake
        self._facts = facts
        self._programs = programs
        self._repository = repository
        self._every = every
        self._full_every = full_every
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="canvasback-base")
        self._making: Future[BaseMade] | None = None
        self._last: datetime | None = None
        self._alone = False  # the next one rests on no other: the last did not come, or the log does not lead from it
        self._before: tuple[BaseBackup, ...] | None = None  # what was there when the run began, until that is judged

    def __enter__(self) -> Self:
        """Nothing is made yet, see `turn`."""
        return self

    def __exit__(self, *error: object) -> None:
        """Wait for the one that is being made."""
        self._pool.shutdown()

    def turn(self, archived: Lsn | None, began: Segment | None) -> BaseMade | None:
        """Begin one if it is due, and answer the one that has been made meanwhile.

        One is due at once where no log leads from the last one to what is archived now: the slot is a new one, as after
        a failover, or the spool was lost.

        Args:
            archived: The position up to which the log is archived: one that needs more of it is not told yet.
            began: The first segment of what is archived now; None where that is not known yet.

        Raises:
            CanvasbackError: It could not be made; it is tried again at the next turn.
        """
        if self._making is not None:
            if not self._making.done():
                return None
            try:
                made = self._making.result()
            except BaseException:
                self._making, self._alone = None, True
                raise
            if archived is None or archived < Lsn.parse(made.end):
                return None
            self._making, self._last, self._alone = None, made.at, False
            return made
        self._look(began)
        if self._last is None or self._run.now() - self._last >= self._every:
            self._making = self._pool.submit(self._make)
        return None

    def _look(self, began: Segment | None) -> None:
        """See when the last one was made, and, once it is known what is archived now, whether it is of use for that."""
        if self._before is None:
            self._before, _ = read_bases(self._repository.store, self._facts.system)
            self._last = self._before[-1].ended if self._before else None
        if self._before and began is not None:
            if not leads_to(RepositoryArchive(self._repository.store, self._facts.system, self._before), began):
                self._last, self._alone = None, True
            self._before = ()

    def _make(self) -> BaseMade:
        run, store, system = self._run.again(), self._repository.store, self._facts.system
        refuse_tablespaces(self._lake)  # one may have come since the run began
        began = run.now()
        id_ = base_id(began)
        parent = self._parent()
        with temporary_folder() as folder, connection_arguments(self._lake.target) as conninfo:
            listed = None
            if parent is not None:
                listed = os.path.join(folder, "backup_manifest")
                with open(listed, "wb") as file:
                    packed = store.get(base_name(system, parent.id, SUMS))
                    file.write(zstandard.ZstdDecompressor().decompress(packed))
            name = base_name(system, id_, TAR)
            copied = store_base(self._programs, conninfo, store, name, label=f"canvasback {id_}", parent_list=listed)
        checked = check_base(store, name, copied.blake3)
        store.put_new(base_name(system, id_, SUMS), zstandard.ZstdCompressor().compress(checked.files))
        base = publish_base(
            self._repository,
            BaseBackup(
                self="",
                format=0,
                repository_id="",
                id=id_,
                system=str(system),
                postgres=self._facts.version,
                segment_size=self._facts.segment_size,
                timeline=checked.label.timeline,
                start=str(checked.label.start),
                end=str(checked.end),
                began=began,
                ended=run.now(),
                parent=parent.id if parent is not None else "",
                bytes=copied.size,
                blake3=copied.blake3,
                unpacked=checked.unpacked,
            ),
            run.now(),
        )
        return BaseMade(
            at=base.ended,
            base=base.id,
            end=base.end,
            parent=base.parent,
            bytes=base.bytes,
            unpacked=base.unpacked,
            seconds=run.seconds,
        )

    def _parent(self) -> BaseBackup | None:
        """What the next one rests on: the newest, if the server can tell what changed since, and the chain is short.

        One that has taken over, or did not run for long, cannot tell, and only says so when it is asked.
        """
        summarizes = self._facts.settings.get("summarize_wal") == "on"
        if self._facts.major < INCREMENTAL or not summarizes or not self._full_every or self._alone:
            return None
        bases, _ = read_bases(self._repository.store, self._facts.system)
        newest = bases[-1] if bases else None
        if newest is None or newest.major != self._facts.major or len(chain(bases, newest)) > self._full_every:
            return None
        return newest
