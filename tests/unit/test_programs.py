"""PostgreSQL's programs are found by their version, and what they say is told in our words, without a password."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from canvasback.errors import NoSpaceError, UsageError
from canvasback.model.conninfo import password_of
from canvasback.postgres.programs import Programs, connection_arguments, failed, version_in
from tests.clusters import bindir


def test_programs_are_those_of_the_version(tmp_path: Path) -> None:
    assert Programs.find(18, str(bindir(18))).major == 18
    with pytest.raises(UsageError, match="programs-missing"):
        Programs.find(17, str(bindir(18)))
    with pytest.raises(UsageError, match="programs-missing"):
        Programs.find(18, str(tmp_path))
    assert Programs.find(15).folder == "/usr/lib/postgresql/15/bin"
    assert version_in(str(tmp_path)) is None


@pytest.mark.parametrize(
    "target",
    ["dbname=lake user=me password='ge:hei\\\\m'", "postgresql://me:ge%3Ahei%5Cm@db/lake"],
)
def test_a_password_is_in_a_file_that_only_we_may_read(target: str) -> None:
    assert password_of(target) == "ge:hei\\m"
    with connection_arguments(target) as conninfo:
        assert "hei" not in conninfo
        file = Path(conninfo.partition("passfile='")[2].partition("'")[0])
        assert file.read_text() == "*:*:*:*:ge\\:hei\\\\m\n"
        assert os.stat(file).st_mode & 0o777 == 0o600
    assert not file.exists()
    with connection_arguments("dbname=lake") as conninfo:
        assert conninfo == "dbname='lake'"


@pytest.mark.parametrize(
    ("code", "said", "wanted"),
    [
        (1, b"pg_basebackup: error: connection to server at ... failed: Connection refused", "catalog-unreachable"),
        (1, b"pg_combinebackup: error: something\n", "program-failed"),
        (1, b"", "program-failed"),
        (-11, b"", "program-crashed"),
        (1, b"x: error: could not write: No space left on device", "no-space"),
        (1, b"x: error: could not open: No space left on device\nx: error: disconnected\n", "no-space"),
        (1, b"x: error: disconnected\n", "program-failed"),
    ],
)
def test_what_a_program_says_has_a_code(code: int, said: bytes, wanted: str) -> None:
    error = failed("pg_basebackup", code, said)
    assert error.code == wanted
    assert isinstance(error, NoSpaceError) == (wanted == "no-space")
    assert "password" not in failed("x", 1, b"x: error: password=geheim").message.replace("password=***", "")
