"""The processes of `reader.py`: one for each environment, started when it is first asked, and kept.

To start Python and to load duckdb takes longer than most answers. A process ends when this one does, as its stdin does,
and when it met an error; the next question starts another.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

Json = dict[str, Any]


class Died(Exception):  # noqa: N818 - it is what happened, and no error of whoever asked
    """A process ended without an answer; the message is its status, and what it said on stderr."""


class Readers:
    """Asks readers, of which it starts and ends the processes.

    Args:
        root: The folder from which `tests` is imported.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._running: dict[Path, _Reader] = {}
        atexit.register(self.close)

    def ask(self, python: Path, request: Json) -> Json:
        """Have a request answered in the environment of a Python.

        Raises:
            Died: The process did not live to answer it.
        """
        reader = self._running.pop(python, None) or _Reader(python, self._root)
        try:
            answer = reader.ask(request)
        except BaseException:  # a timeout of the test, too: the answer would be taken for that of the next question
            reader.kill()
            raise
        if answer.pop("last"):
            reader.close()
        else:
            self._running[python] = reader
        return answer

    def process(self, python: Path) -> int:
        """The id of the process that waits for questions to a Python's environment."""
        return self._running[python].process.pid

    def close(self) -> None:
        """End all processes."""
        while self._running:
            self._running.popitem()[1].close()


class _Reader:
    """One process."""

    def __init__(self, python: Path, root: Path) -> None:
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [python, "-m", "tests.oracle.reader"],
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
        )

    def ask(self, request: Json) -> Json:
        """Have a request answered.

        Raises:
            Died: The process did not live to answer it.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            status = self.process.wait()
            self._said.seek(0)
            message = f"ended with status {status}, saying {self._said.read().decode(errors='replace')!r},"
            raise Died(message)
        answer: Json = json.loads(line)
        return answer

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.close()

    def close(self) -> None:
        """Let the process end, and wait for it."""
        try:
            with self.process, self._said:
                pass
        except BrokenPipeError:  # it had ended before it read all
            self.process.wait()
