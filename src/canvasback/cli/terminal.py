"""Progress on a terminal: files, bytes, rate and time left."""

from __future__ import annotations

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class _OfBytes(ProgressColumn):
    """A column about bytes, which is empty where only files are counted."""

    def __init__(self, column: ProgressColumn) -> None:
        super().__init__()
        self._column = column

    def render(self, task: Task) -> RenderableType:
        """See `ProgressColumn`."""
        return self._column(task) if task.fields["bytes_known"] else ""


class Terminal:
    """Draws the task that began last; see `canvasback.model.progress.Progress`."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[files]}"),
            _OfBytes(DownloadColumn(binary_units=True)),
            _OfBytes(TransferSpeedColumn()),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None
        self._files = 0
        self._of: int | None = None
        self._bytes_known = False

    def begin(self, task: str, *, files: int | None = None, bytes_: int | None = None) -> None:
        """Draw a new task."""
        self._files, self._of = 0, files
        self._bytes_known = bool(bytes_)
        total = bytes_ or files
        self._bar.start()
        self._task = self._bar.add_task(task, total=total, files=self._count(), bytes_known=self._bytes_known)

    def advance(self, *, files: int = 0, bytes_: int = 0) -> None:
        """Move the bar: by bytes where their number is known, else by files."""
        if self._task is None:
            return
        self._files += files
        self._bar.update(self._task, advance=bytes_ if self._bytes_known else files, files=self._count())

    def end(self) -> None:
        """Take the task away."""
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self._bar.stop()

    def _count(self) -> str:
        return f"{self._files:,}" + (f"/{self._of:,}" if self._of is not None else "") + " files"
