"""What one run of a verb works with: its stores, its threads, its clock, and who hears how it goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Self, TypeVar

import msgspec

from canvasback.model import clock as our_clock
from canvasback.model.progress import SILENT, Progress
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop, in_parallel
from canvasback.storage.store import Store

T = TypeVar("T")
R = TypeVar("R")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of a verb works with. A verb makes it of its arguments; who needs one part only takes that part.

    Attributes:
        stores: Opens the places, and knows how fast files may be copied.
        jobs: How many files are worked on at a time; None for what suits the storage.
        progress: Told how the work goes on.
        clock: Tells the time.
        sleep: Waits so many seconds, for a service that works for us.
        began: When the run began, of the clock that counts seconds.
    """

    stores: Stores
    jobs: int | None
    progress: Progress
    clock: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep
    began: float

    @classmethod
    def begin(
        cls,
        *,
        stores: Stores | None = None,
        jobs: int | None = None,
        progress: Progress = SILENT,
        clock: Callable[[], datetime] = our_clock.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Self:
        """A run that begins now, of what whoever calls a verb says."""
        return cls(
            stores=stores or Stores(), jobs=jobs, progress=progress, clock=clock, sleep=sleep, began=time.monotonic()
        )

    def again(self) -> Self:
        """The same for another piece of work, whose seconds are counted anew."""
        return msgspec.structs.replace(self, began=time.monotonic())

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return round(time.monotonic() - self.began, 3)

    def now(self) -> datetime:
        """The time."""
        return self.clock()

    def jobs_for(self, *stores: Store) -> int:
        """How many things to work on at a time: what the user says, else what suits the stores."""
        return self.jobs or max(store.jobs for store in stores)

    def in_parallel(
        self,
        items: Iterable[T],
        work: Callable[[list[T], Stop], list[R]],
        *stores: Store,
        size: Callable[[T], int] = lambda _: 0,
        batch: int | None = None,
        jobs: int | None = None,
    ) -> AbstractContextManager[Iterator[R]]:
        """Map over items with as many threads as suit the stores that hold them; see `in_parallel`.

        Args:
            items: What to work on.
            work: Done to each batch of items.
            stores: Where they are, and where they go.
            size: The bytes of an item, where it is read: the larger ones have a thread each.
            batch: The most items of a batch; None for what suits the stores.
            jobs: How many threads, unless the user says; None for what suits the stores.
        """
        most = batch or min(store.batch for store in stores)
        return in_parallel(items, work, self.jobs or jobs or self.jobs_for(*stores), size, most)
