"""A point that was just made goes to a second place of its repository, too; a failure there is no failure here."""

from __future__ import annotations

from collections.abc import Callable

from canvasback.errors import CanvasbackError, RefusedError, RepositoryError
from canvasback.model.finding import Finding
from canvasback.model.register import Register
from canvasback.model.results.mirror import MirrorResult
from canvasback.repository.layout import point_name
from canvasback.repository.register import change_register
from canvasback.repository.repository import Repository
from canvasback.storage.foreign_errors import translating
from canvasback.storage.run import Run
from canvasback.transfer.second_place import SecondPlace

_MAKE_UP = "The next backup to both places makes up for it, and so does mirror."


class PlaceBeside:
    """The second place of a backup.

    What it lacks is read from the first place, and compared with what the point says of it: the lake need not have it
    any more, and is not read twice.

    Args:
        run: What to work with.
        first: The repository.
        to: The second place.

    Raises:
        RefusedError: It is the first one (``one-place``).
    """

    def __init__(self, run: Run, first: Repository, to: str) -> None:
        self._run = run
        self._place = SecondPlace(run, first, to)

    def refuse_another(self) -> None:
        """See before the work that it is a place of the repository, as far as it can be reached.

        Raises:
            RefusedError: It is another repository (``other-lake``, ``other-repository``).
        """
        try:
            with translating():
                _ = self._place.makes
        except RefusedError:
            raise
        except CanvasbackError:
            return  # it keeps nobody from making the point, and is told after that

    def foresee(self) -> MirrorResult:
        """Say which points it lacks by now, and what would be copied for them."""
        return self._tried(lambda: self._place.foresee(self._place.behind()), dry_run=True)

    def bring(self, point: str, mark: Callable[[Register], Register] | None) -> MirrorResult:
        """Let it hold a point, and those that were made since the newest one there.

        Args:
            point: The id of the point.
            mark: What is said of the point in both places; None for nothing.

        Returns:
            What was done. That it failed, for whatever reason, is a finding.
        """

        def work() -> MirrorResult:
            brought = self._place.bring(sorted({*self._place.behind(), point}))
            if mark is not None and self._place.target.stat(point_name(point)) is not None:
                change_register(self._place.target, self._run.clock, mark)
            return brought

        return self._tried(work, dry_run=False)

    def _tried(self, work: Callable[[], MirrorResult], *, dry_run: bool) -> MirrorResult:
        target, first = self._place.target.url, self._place.first.store.url
        try:
            with translating():
                self._refuse_none()
                return work()
        except CanvasbackError as error:
            message = f"lacks points of {first}: {error.message} [{error.code}]"
            finding = Finding("place-behind", "error", target, message, f"{error.hint} {_MAKE_UP}".lstrip())
        return MirrorResult(
            repository=first,
            target=target,
            steps=(),
            dry_run=dry_run,
            made=False,
            points=(),
            held_points=0,
            copied_objects=0,
            copied_bytes=0,
            kept_objects=0,
            seconds=0.0,
            findings=(finding,),
            finding_counts={finding.code: 1},
        )

    def _refuse_none(self) -> None:
        """See that there is a repository. A backup does not make it: where a disk is not mounted is none either."""
        if self._place.makes:
            raise RepositoryError(
                "not-a-repository",
                f"there is no repository at {self._place.target.url}",
                hint="Check the path, or make a place of this repository there: canvasback mirror REPO --to REPO2.",
            )
