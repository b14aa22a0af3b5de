"""PostgreSQL's own programs: where they are, and how they are run.

No password is on a command line or in an environment of ours: it is in a file of libpq's own kind, which only we may
read. Source: libpq's documentation, "The Password File" and "Parameter Key Words" (``passfile``).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, Self

import msgspec

from canvasback.errors import AccessDeniedError, CanvasbackError, LakeError, NoSpaceError, UsageError
from canvasback.model.conninfo import connection_items, connection_string, password_of
from canvasback.model.lake import without_secrets
from canvasback.storage.temporary import temporary_folder

OLDEST = 12
_VERSION = re.compile(rb"\(PostgreSQL\) (\d+)")
_DEBIAN = "/usr/lib/postgresql/{major}/bin"
_PLAIN = ("/usr/bin/env", "LC_ALL=C", "PGAPPNAME=canvasback")
"""What a program says is read: it is to say it in English."""


class Account(msgspec.Struct, frozen=True):
    """An account of this machine, by its numbers."""

    user: int
    group: int


class Programs(msgspec.Struct, frozen=True):
    """The programs of one installation.

    Attributes:
        folder: Where they are.
        major: The major version, such as 18.
        account: As whom they run; None for who runs us.
    """

    folder: str
    major: int
    account: Account | None = None

    @classmethod
    def find(cls, major: int, bindir: str | None = None) -> Self:
        """The programs of a version: those named, else of ``pg_config``, the PATH and Debian.

        Args:
            major: The server's major version: a base backup and its log are read by programs of that one only.
            bindir: Where to look, and nowhere else.

        Raises:
            UsageError: There are none of that version (``programs-missing``).
        """
        looked = [bindir] if bindir is not None else _folders(major)
        for folder in looked:
            found = version_in(folder)
            if found == major:
                return cls(os.path.abspath(folder), major)
            if bindir is not None and found is not None:
                raise _missing(major, f"those in {bindir} are of version {found}")
        raise _missing(major, f"there are none in {', '.join(looked) or 'the usual places'}")

    def path(self, program: str) -> str:
        """Where a program is.

        Raises:
            UsageError: This installation lacks it (``programs-missing``).
        """
        path = os.path.join(self.folder, program)
        if not os.access(path, os.X_OK):
            raise _missing(self.major, f"{self.folder} has no {program}")
        return path

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command that runs a program so that it speaks English."""
        return [*_PLAIN, self.path(program), *arguments]

    def as_whom(self) -> dict[str, Any]:
        """The same in the words of `subprocess`."""
        who = self.account
        return {} if who is None else {"user": who.user, "group": who.group, "extra_groups": []}

    def run(self, program: str, *arguments: str, stdin: bytes = b"", folder: str | None = None) -> str:
        """Run a program to its end, and answer what it prints.

        Raises:
            CanvasbackError: It failed; see `failed`.
        """
        done = subprocess.run(  # noqa: S603 - the program is PostgreSQL's, its arguments are a list
            self.command(program, *arguments),
            input=stdin,
            capture_output=True,
            check=False,
            cwd=folder,
            **self.as_whom(),
        )
        if done.returncode:
            raise failed(program, done.returncode, done.stderr)
        return str(done.stdout, errors="replace")


@contextlib.contextmanager
def connection_arguments(target: str, **more: str) -> Iterator[str]:
    """A connection string for ``--dbname`` that says no password, for the time of a block.

    Args:
        target: The lake's connection string.
        more: What is to be said besides, by libpq's key words.

    Raises:
        UsageError: It cannot be understood (``lake-name``).
    """
    items = connection_items(target)
    if items is None:
        raise UsageError(
            "lake-name",
            "the connection string of the catalog cannot be understood",
            hint="Write it as libpq does, values with spaces in quotes: dbname=catalog host=server password='a b'.",
        )
    password = password_of(target)
    items = {key: value for key, value in items.items() if key != "password"} | more
    if not password:
        yield connection_string(items)
        return
    with temporary_folder() as folder:
        file = os.path.join(folder, "passwords")
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as written:
            written.write("*:*:*:*:" + password.replace("\\", "\\\\").replace(":", "\\:") + "\n")
        yield connection_string(items | {"passfile": file})


def version_in(folder: str) -> int | None:
    """The major version of the programs in a folder; None where there are none."""
    program = os.path.join(folder, "pg_receivewal")
    if not os.access(program, os.X_OK):
        return None
    said = subprocess.run([program, "--version"], capture_output=True, check=False).stdout  # noqa: S603
    found = _VERSION.search(said)
    return int(found[1]) if found else None


def failed(program: str, code: int, said: bytes) -> CanvasbackError:
    """What to say of a program that failed.

    Args:
        program: Its name.
        code: What it ended with; negative for the signal that ended it.
        said: What it printed to stderr.
    """
    if code < 0:
        return LakeError(
            "program-crashed",
            f"{program} was ended by signal {-code}",
            hint="If nobody ended it, its build is broken: name another installation of that version with --bindir.",
        )
    lines = [without_secrets(line) for line in said.decode(errors="replace").splitlines() if line.strip()]
    # The last error is the reason; a detail or hint that follows it explains.
    errors = [line for line in lines if re.search(r"(error|fatal|FATAL|ERROR|PANIC):", line)]
    # pg_receivewal says last that it is disconnected, whatever the reason was.
    reasons = [line for line in errors or lines if not line.endswith("error: disconnected")]
    reason = (reasons or errors or lines or [f"it ended with {code}"])[-1].strip()
    if "No space left on device" in reason:
        return NoSpaceError(f"what {program} makes")
    if "permission denied" in reason.lower() and "must" in reason.lower():
        return AccessDeniedError("the server", to="replicate from", hint="See what canvasback pitr setup says.")
    if any(mark in reason for mark in ("connection to server", "could not connect", "Connection refused")):
        return LakeError(
            "catalog-unreachable",
            f"{program} cannot reach the server: {reason}",
            hint="See whether it runs, and whether it lets us replicate: canvasback pitr setup says what is missing.",
        )
    return LakeError(
        "program-failed",
        f"{program} failed: {reason}",
        hint="See the server's log, and what canvasback pitr setup says.",
    )


def _folders(major: int) -> list[str]:
    found: list[str] = []
    config = shutil.which("pg_config")
    if config is not None:
        said = subprocess.run([config, "--bindir"], capture_output=True, check=False).stdout  # noqa: S603
        found.append(said.decode(errors="replace").strip())
    on_path = shutil.which("pg_receivewal")
    if on_path is not None:
        found.append(os.path.dirname(os.path.realpath(on_path)))
    found.append(_DEBIAN.format(major=major))
    return [folder for folder in dict.fromkeys(found) if folder]


def _missing(major: int, why: str) -> UsageError:
    return UsageError(
        "programs-missing",
        f"PostgreSQL's programs of version {major} are needed, and {why}",
        hint=f"Install the server's package of version {major} on this machine, or name their folder with --bindir.",
    )
