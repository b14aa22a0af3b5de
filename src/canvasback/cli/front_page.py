"""What ``canvasback --help`` prints: the page that Typer would draw of all verbs, without loading Typer or a verb."""

from __future__ import annotations

import contextlib
import os
import sys
import textwrap
from collections.abc import Iterator, Mapping

from canvasback.cli.streams import has_all_letters
from canvasback.cli.verbs import VERBS

_ABOUT = "Backup and recovery for DuckLake."
_FLAGS = {"--version": "Print the version.", "--help": "Show this message and exit."}
_KIND = "        <bool>"
"""What stands after a flag. Typer keeps the place before it for other spellings, of which these have none."""
_WIDTH = 80
_NARROWEST = 60
_BOLD, _DIM, _CYAN, _YELLOW = "1", "2", "1;36", "1;33"


def front_page(program: str) -> str:
    """The page as stdout can show it.

    Args:
        program: What the user calls the program.
    """
    page = _Page(_terminal_width(), coloured=_has_colours(), drawn=has_all_letters(sys.stdout))
    return "\n".join(page.lines(program))


class _Page:
    """The page in a width, with colours or without, in boxes of lines or of what ASCII has for lines."""

    def __init__(self, width: int, *, coloured: bool, drawn: bool) -> None:
        self._width = max(width, _NARROWEST)
        self._coloured = coloured
        self._top, self._side, self._bottom = ("╭─╮", "│", "╰─╯") if drawn else ("+-+", "|", "+-+")

    def lines(self, program: str) -> Iterator[str]:
        yield ""
        yield f" {self._in(_YELLOW, 'Usage:')} {self._in(_BOLD, f'{program} [OPTIONS] COMMAND [ARGS]...')}"
        yield from ("", f" {_ABOUT}", "")
        yield from self._panel("Options", _FLAGS, _KIND)
        yield from self._panel("Commands", VERBS)

    def _panel(self, title: str, rows: Mapping[str, str], kind: str = "") -> Iterator[str]:
        names = max(map(len, rows))
        texts = self._width - names - len(kind) - 6
        side = self._in(_DIM, self._side)
        yield self._edge(self._top, f" {title} ")
        for name, text in rows.items():
            before = self._in(_CYAN, name.ljust(names)) + self._in(_YELLOW, kind)
            for line in textwrap.wrap(text, texts, break_on_hyphens=False):
                yield f"{side} {before}  {line.ljust(texts)} {side}"
                before = " " * (names + len(kind))
        yield self._edge(self._bottom)

    def _edge(self, letters: str, title: str = "") -> str:
        left, line, right = tuple(letters)
        return self._in(_DIM, left + (line + title).ljust(self._width - 2, line) + right)

    def _in(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._coloured and text else text


def _terminal_width() -> int:
    """What COLUMNS says, else the terminal that the user sits at, else what nobody objects to."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal():
        return int(columns)
    for stream in (0, 1, 2):
        with contextlib.suppress(OSError):  # it is closed, or no terminal
            return os.get_terminal_size(stream).columns or _WIDTH
    return _WIDTH


def _has_colours() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in {"dumb", "unknown"}:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
