"""The restore_command of a recovering server, run by a shell as a server does, and who answers it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from canvasback.postgres.programs import Account
from canvasback.postgres.wal_feed import WalFeed

SEGMENT = "000000010000000000000001"
LATER = "000000010000000000000002"
SIZE = 16 << 20
Fetch = Callable[[str], bytes | None]


@pytest.fixture(params=["sh", "bash"])
def shell(request: pytest.FixtureRequest) -> str:
    """A shell that may be a machine's sh."""
    return str(request.param)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A server's folder."""
    (tmp_path / "data" / "pg_wal").mkdir(parents=True)
    return tmp_path / "data"


def feed(
    data: Path, fetch: Fetch, *, size: int = SIZE, known: Path | None = None, account: Account | None = None
) -> AbstractContextManager[WalFeed]:
    """Who answers, from a folder whose name needs quotes; he believes that the server's folder is the known one."""
    folder = data.parent / "it's 100%f"
    folder.mkdir()
    return WalFeed(str(folder), fetch, size, str(known or data), account)


def ask(asked: WalFeed, data: Path, file: str, place: str = "RECOVERYXLOG", *, by: str = "sh") -> int:
    """Run the command as a server runs it, and answer what it ends with."""
    filled = asked.command.replace("%%", "\0").replace("%f", file).replace("%p", f"pg_wal/{place}").replace("\0", "%")
    return subprocess.run([by, "-c", filled], cwd=data, check=False, timeout=60, stderr=subprocess.DEVNULL).returncode


def one(name: str) -> bytes | None:
    """An archive of one segment."""
    return b"the log" if name == SEGMENT else None


@pytest.mark.parametrize("known", ["its folder", "another one"])
def test_a_file_is_where_the_server_wants_it_whoever_puts_it_there(data: Path, shell: str, known: str) -> None:
    elsewhere = data.parent / "elsewhere" if known == "another one" else None
    with feed(data, one, known=elsewhere) as answers:
        assert ask(answers, data, SEGMENT, by=shell) == 0
    assert (data / "pg_wal" / "RECOVERYXLOG").read_bytes() == b"the log"


def test_the_server_starts_no_program_to_get_a_file(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with feed(data, one) as answers:
        assert ask(answers, data, SEGMENT, by="/bin/sh") == 0


def test_a_file_that_is_not_there_ends_the_log(data: Path, shell: str) -> None:
    with feed(data, one) as answers:
        assert ask(answers, data, LATER, by=shell) == 1
        assert answers.lacking == LATER
        assert answers.error is None


def test_a_file_that_cannot_be_fetched_fails_the_recovery(data: Path, shell: str) -> None:
    error = OSError("unreachable")

    def fetch(_: str) -> bytes:
        raise error

    with feed(data, fetch) as answers:
        assert ask(answers, data, SEGMENT, by=shell) == 126
        assert answers.error is error


def test_a_file_that_cannot_be_put_there_fails_the_recovery(data: Path, shell: str) -> None:
    (data / "pg_wal").rmdir()
    with feed(data, one) as answers:
        assert ask(answers, data, SEGMENT, by=shell) == 126


def test_a_server_that_nobody_answers_any_more_fails(data: Path, shell: str) -> None:
    with feed(data, one) as answers:
        pass
    shutil.rmtree(answers._folder)
    assert ask(answers, data, SEGMENT, by=shell) == 126


def test_what_was_not_taken_is_given_again(data: Path) -> None:
    place = data / "pg_wal" / "RECOVERYXLOG"
    place.mkdir()
    (place / "in the way").touch()
    with feed(data, one) as answers:
        ask(answers, data, SEGMENT)
        shutil.rmtree(place)
        assert ask(answers, data, SEGMENT) == 0
    assert place.read_bytes() == b"the log"


def test_no_link_in_the_folder_that_the_server_owns_is_followed(data: Path) -> None:
    secret = data.parent / "secret"
    secret.write_text("kept")
    with feed(data, one) as answers:
        os.symlink(secret, Path(answers._folder) / SEGMENT)
        assert ask(answers, data, SEGMENT) == 0
    assert secret.read_text() == "kept"


def test_nothing_is_put_into_a_folder_that_is_not_the_servers(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(65534, 65534)
    if os.geteuid() != 0:  # who may give nothing away has everything look like given
        for give in ("chown", "fchown"):
            monkeypatch.setattr(os, give, lambda *_: None)
    with feed(data, one, account=account) as answers:
        filled = f"mv() {{ echo taken; }}; {answers.command}".replace("%%", "\0").replace("%f", SEGMENT)
        filled = filled.replace("%p", "pg_wal/RECOVERYXLOG").replace("\0", "%")
        said = subprocess.run(["sh", "-c", filled], cwd=data, check=True, capture_output=True, timeout=60).stdout
        assert said == b"taken\n"


def test_what_is_put_into_the_servers_folder_is_the_servers(data: Path) -> None:
    account = Account(65534, 65534) if os.geteuid() == 0 else Account(os.geteuid(), os.getegid())
    os.chown(data / "pg_wal", account.user, account.group)
    with feed(data, one, account=account) as answers:
        assert ask(answers, data, SEGMENT) == 0
    assert (data / "pg_wal" / "RECOVERYXLOG").stat().st_uid == account.user


@pytest.mark.parametrize(("size", "ahead"), [(1 << 20, 8), (16 << 20, 8), (64 << 20, 2), (1 << 30, 1)])
def test_what_is_fetched_ahead_is_bounded(data: Path, size: int, ahead: int) -> None:
    with feed(data, lambda _: b"the log", size=size) as answers:
        assert ask(answers, data, SEGMENT) == 0
        assert all(waiting.result() for waiting in answers._ahead.values())
        assert len([*Path(answers._folder).glob("0*")]) == ahead
