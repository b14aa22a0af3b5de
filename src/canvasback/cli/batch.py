"""A batch job: the command that a user gives us to run, with our terminal and our signals."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Collection, Sequence
from typing import Any

from typer.core import TyperCommand

from canvasback.cli.signals import handled_by
from canvasback.errors import UsageError

_KILLED = 128


class BatchCommand(TyperCommand):
    """A command of ours that ends in a command of the user's, whose options are not ours."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Leave everything from the user's command on as it is."""
        valued = {name for option in self.params if not getattr(option, "is_flag", True) for name in option.opts}
        return super().parse_args(ctx, divided(args, valued))


def divided(arguments: Sequence[str], valued: Collection[str]) -> list[str]:
    """Arguments with ``--`` before the second one that is no option, unless there is one before.

    Args:
        arguments: What the user typed.
        valued: Options of ours that are followed by a value.
    """
    found = 0
    follows = False
    for number, argument in enumerate(arguments):
        if follows:
            follows = False
        elif argument == "--":
            break
        elif argument.startswith("--"):
            follows = argument in valued
        elif argument.startswith("-") and argument != "-":
            # Of letters in one word, the first that has a value has the rest for it, if there is a rest.
            letters = [f"-{letter}" in valued for letter in argument[1:]]
            follows = any(letters) and letters.index(True) == len(letters) - 1
        else:
            found += 1
            if found == 2:  # noqa: PLR2004 - the lake, then the command
                return [*arguments[:number], "--", *arguments[number:]]
    return list(arguments)


def run_batch(command: Sequence[str]) -> int:
    """Run a command with our stdin, stdout and stderr, and pass SIGTERM and SIGINT on to it.

    Returns:
        Its exit code; 128 and the signal's number if a signal ended it, as shells say.

    Raises:
        UsageError: It cannot be started (``command-not-started``).
    """
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def pass_on(number: int) -> None:
        if not started:
            early.append(number)
        elif number != signal.SIGINT or not _in_front():
            # A terminal sends its Ctrl-C to all that run in front, the command too.
            started[0].send_signal(number)

    with handled_by(pass_on):
        try:
            started.append(subprocess.Popen(command))  # noqa: S603 - to run it is what the user wants
        except OSError as error:
            raise UsageError(
                "command-not-started",
                f"{command[0]!r} cannot be started: {error.strerror or error}",
                hint="Check its name, and whether it may be executed; no point was made.",
            ) from error
        for number in early:
            started[0].send_signal(number)
        code = started[0].wait()
    return code if code >= 0 else _KILLED - code


def _in_front() -> bool:
    """Whether we run in front of a terminal."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
