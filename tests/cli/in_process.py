"""The command line in this process, as if it had one of its own: for what it says and does, not for how it ends.

To start Python and load duckdb takes ten times as long as most commands. So stdin, stdout and stderr, the working
folder, the environment and the arguments are those that a process would have, down to the descriptors that a child
inherits, and `python -m canvasback` is what runs. `test_processes.py` sees that a process answers the same.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

AT_START = ("PYTHON", "LC_", "LANG", "TMPDIR", "TZ")
"""How variables begin that a process reads when it starts."""


def run_here(arguments: Sequence[str], folder: Path, environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run a command; its exit code, stdout and stderr."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with _descriptors(out, err), _place(folder, environment), _interpreter(arguments):
            code = _exit_code()
        for file in (out, err):
            file.seek(0)
        return code, out.read().decode(), err.read().decode()


def _exit_code() -> int:
    """Run the command to its end, and answer what Python would make of that."""
    try:
        runpy.run_module("canvasback", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
            return 1
        return ended.code or 0
    except Exception:  # noqa: BLE001 - Python prints whatever it is
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _descriptors(out: IO[bytes], err: IO[bytes]) -> Iterator[None]:
    """Let 0, 1 and 2 be nothing and these files, for children too, and the streams of `sys` stand on them."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    kept = [os.dup(number) for number in range(3)]
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        for number, file in enumerate((nothing, out.fileno(), err.fileno())):
            os.dup2(file, number)
        with (
            open(0, encoding="utf-8", closefd=False) as sys.stdin,
            open(1, "w", encoding="utf-8", closefd=False) as sys.stdout,
            open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False) as sys.stderr,
        ):
            yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
        for number, file in enumerate(kept):
            os.dup2(file, number)
            os.close(file)
        os.close(nothing)


@contextmanager
def _place(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Be in a folder and in an environment."""
    here, before = os.open(".", os.O_RDONLY), dict(os.environ)
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        os.fchdir(here)
        os.close(here)


@contextmanager
def _interpreter(arguments: Sequence[str]) -> Iterator[None]:
    """Have arguments, and what a command may change of a process, which it has to leave as it was."""
    argv, hook = sys.argv, sys.excepthook
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    sys.argv = ["canvasback", *arguments]
    try:
        yield
        assert {number: signal.getsignal(number) for number in handlers} == handlers
    finally:
        sys.argv, sys.excepthook = argv, hook
        for number, handler in handlers.items():
            signal.signal(number, handler)
