"""Going through the points of a repository, some of which may be damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import duckdb

from canvasback.errors import CorruptError, RefusedError
from canvasback.model.finding import Finding
from canvasback.model.manifest import Manifest
from canvasback.repository.points import list_points, read_point
from canvasback.storage.store import Store

Damage = CorruptError | RefusedError
T = TypeVar("T")


class UnreadablePointError(Exception):
    """A point turned out to be damaged and was left out: what was worked out with it is to be worked out anew."""


class ReadablePoints:
    """The points of a repository without those that are damaged: the one way to go through them.

    What it yields is read and checked: the manifest, and what else the caller reads of a point with `each` or inside
    of `reading`. Damage of a point never ends a walk. The point is left out from then on, and told of once, whoever
    comes upon it and however often. All else that goes wrong does end it: a store that does not answer says nothing
    of a point.

    Nothing is listed before somebody asks for ``ids``, no point is read before it is its turn, and of the manifests
    only those are kept that `manifest` was asked for.

    Args:
        store: The repository.
        tell: Told of each damaged point, and what is wrong with it.
    """

    def __init__(self, store: Store, tell: Callable[[str, Damage], None] = lambda *_: None) -> None:
        self.store = store
        self._tell = tell
        self._ids: list[str] | None = None
        self._manifests: dict[str, Manifest] = {}
        self._damaged: set[str] = set()

    @property
    def ids(self) -> list[str]:
        """The ids of the points that are not known to be damaged, oldest first."""
        if self._ids is None:
            self._ids = list_points(self.store)
        return self._sound(self._ids)

    def manifests(self, ids: Iterable[str]) -> Iterator[Manifest]:
        """The manifests of points, in the order of the ids, read as they are asked for."""
        return self.each(ids, lambda manifest: manifest)

    def each(self, ids: Iterable[str], read: Callable[[Manifest], T | None]) -> Iterator[T]:
        """What is read of points, in the order of the ids, as it is asked for.

        Args:
            ids: The points.
            read: Reads of one what has to be sound besides its manifest; None passes it by, which is nothing to tell.
        """
        for id_ in ids:
            try:
                with self.reading(id_):
                    found = read(self._read(id_))
            except UnreadablePointError:
                continue
            if found is not None:
                yield found

    def manifest(self, id_: str) -> Manifest:
        """A manifest, read once.

        Raises:
            UnreadablePointError: It is damaged.
        """
        if id_ not in self._manifests:
            with self.reading(id_):
                self._manifests[id_] = self._read(id_)
        return self._manifests[id_]

    @contextmanager
    def reading(self, id_: str) -> Iterator[None]:
        """Inside, what is read is a point's: where it is damaged, the point is.

        Raises:
            UnreadablePointError: It is damaged.
        """
        try:
            yield
        except (CorruptError, RefusedError) as error:
            self._leave_out(id_, error)
            raise UnreadablePointError(id_) from error
        except duckdb.OutOfMemoryException:
            raise  # it says nothing of the point
        except duckdb.Error as error:
            message = f"what it holds cannot be read: {str(error).splitlines()[0]}"
            hint = "Use another point: run list, and verify --all."
            self._leave_out(id_, CorruptError("chunk-corrupt", message, hint=hint))
            raise UnreadablePointError(id_) from error

    def by_timeline(self) -> dict[int, list[str]]:
        """The ids of all points by timeline, see `timelines_of`."""
        return self.timelines_of(self.ids)

    def timelines_of(self, ids: list[str]) -> dict[int, list[str]]:
        """Ids, which are in order, by timeline; empty where no point can be read.

        Timelines only count up, so few manifests tell where each begins.
        """
        while sound := self._sound(ids):
            with suppress(UnreadablePointError):
                return self._by_timeline(sound)
        return {}

    def _sound(self, ids: list[str]) -> list[str]:
        return [id_ for id_ in ids if id_ not in self._damaged]

    def _by_timeline(self, ids: list[str]) -> dict[int, list[str]]:
        first, last = self.manifest(ids[0]).timeline, self.manifest(ids[-1]).timeline
        if first == last:
            return {first: ids}
        middle = len(ids) // 2
        found = self._by_timeline(ids[:middle])
        for timeline, more in self._by_timeline(ids[middle:]).items():
            found.setdefault(timeline, []).extend(more)
        return found

    def _read(self, id_: str) -> Manifest:
        return self._manifests.get(id_) or read_point(self.store, id_)

    def _leave_out(self, id_: str, error: Damage) -> None:
        if id_ not in self._damaged:
            self._damaged.add(id_)
            self._tell(id_, error)


def unused_point(point: str, error: Damage) -> Finding:
    """That a point does not help, because it is damaged itself."""
    message = f"this point was passed over, and older ones were used: {error.message}"
    return Finding(error.code, "error", point, message, error.hint)
