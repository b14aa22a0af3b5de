"""The command line. A start is as quick as Python's own until a verb is named, and then loads that verb alone."""

from __future__ import annotations

import sys

from canvasback.__about__ import __version__
from canvasback.cli.front_page import front_page
from canvasback.cli.streams import say, spell_unknown_letters
from canvasback.cli.verbs import VERBS

_USAGE = 2


def main(program: str = "canvasback") -> None:
    """The console script.

    Args:
        program: What the user calls it.
    """
    spell_unknown_letters()
    match sys.argv[1:]:
        case ["--version"]:
            say(__version__)
        case ["--help"]:
            say(front_page(program))
        case []:
            say(front_page(program))
            sys.exit(_USAGE)
        case [first, *_]:
            from canvasback.cli.parser import parser_of  # noqa: PLC0415 - Typer is slow to load

            parser_of([first] if first in VERBS else VERBS)(prog_name=program)
