"""The command line: every command is one call of the library; see `canvasback` for the functions."""

from __future__ import annotations

import sys

from canvasback.cli.parser import parser_of
from canvasback.cli.streams import spell_unknown_letters
from canvasback.cli.verbs import VERBS


def main(program: str = "canvasback") -> None:
    """The console script.

    Args:
        program: What the user calls it.
    """
    spell_unknown_letters()
    first = sys.argv[1:2]
    parser_of(first if first and first[0] in VERBS else VERBS)(prog_name=program)
