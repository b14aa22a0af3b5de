"""Progress on stderr, or none where nobody would see it."""

from __future__ import annotations

import sys

from canvasback.model.progress import SILENT, Progress


def progress_for(*, quiet: bool) -> Progress:
    """A display where stderr is a terminal; who has none need not load what draws it."""
    if quiet or not sys.stderr.isatty():
        return SILENT
    from rich.console import Console  # noqa: PLC0415

    from canvasback.cli.terminal import Terminal  # noqa: PLC0415

    return Terminal(Console(stderr=True))
