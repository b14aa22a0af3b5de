"""Small inputs that make no sense: each has an answer in words, and no traceback."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from tests.cli.running import Place
from tests.contract.privileges import give_up_passing


@pytest.mark.parametrize("kind", ["fifo", "socket", "/dev/null", "/dev/zero"])
def test_a_catalog_that_is_no_file(place: Place, kind: str) -> None:
    name = kind
    if kind == "fifo":
        name = "odd"
        os.mkfifo(place.folder / name)
    elif kind == "socket":
        name = "odd"
        with socket.socket(socket.AF_UNIX) as bound:
            here = Path.cwd()
            os.chdir(place.folder)  # the path of a socket may not be long
            bound.bind(name)
            os.chdir(here)
    for engine, code in (("", "not-a-duckdb-file"), ("sqlite:", "not-a-sqlite-file")):
        lake = f"ducklake:{engine}{name}"
        for command, expected, exit_code in (
            (("backup", lake, "-r", "repo"), code, 1),
            (("check", lake), code, 1),
            (("rewind", lake, "--to-snapshot", "1", "--no-safety-point"), code, 1),
            (("restore", "--to", lake, "--data-path", "files", "-r", "repo"), "target-not-empty", 4),
            (("restore", "--to", lake, "--data-path", "files", "--replace", "-r", "repo"), "target-not-empty", 4),
        ):
            ran = place.run(*command, "--json")
            assert (ran.code, ran.document["code"]) == (exit_code, expected), ran
            assert name in ran.document["message"]
            assert "canvasback-" not in ran.err


def test_numbers_beyond_sense_are_usage(place: Place) -> None:
    backup = ("backup", f"ducklake:{place.catalog}", "-r", "repo", "-q")
    for more in (
        ("--jobs", "9" * 25), ("--jobs", "1001"), ("--jobs", "0"), ("--limit-rate", "9" * 400 + "T"),
        ("--limit-rate", "9" * 30), ("--limit-rate", "0"), ("--recheck", "-1"),
    ):  # fmt: skip
        ran = place.run(*backup, *more)
        assert ran.code == 2, (more, ran)
        assert "Traceback" not in ran.err
    for every in ("nan", "inf", "1e300", "0"):
        ran = place.run("watch", f"ducklake:{place.catalog}", "-r", "repo", "--every", every)
        assert ran.code == 2, (every, ran)
        assert "Traceback" not in ran.err


def test_a_settings_file_that_may_not_be_read_is_not_fatal(place: Place) -> None:
    (place.folder / "canvasback.toml").write_text("nonsense", encoding="utf-8")
    (place.folder / "canvasback.toml").chmod(0)
    ran = place.run("list", "-r", "repo", preexec=give_up_passing)
    assert ran.code == 0, ran
    folder = place.folder / "config" / "canvasback"
    folder.mkdir(parents=True)
    folder.chmod(0)
    ran = place.run("list", "-r", "repo", preexec=give_up_passing, XDG_CONFIG_HOME=str(folder.parent))
    folder.chmod(0o700)
    assert ran.code == 0, ran


@pytest.mark.parametrize("engine", ["", "sqlite:"])
def test_who_may_not_write_is_told_so(place: Place, engine: str) -> None:
    lake = f"ducklake:{engine}{place.folder}/copy.db"
    files = ("--data-path", str(place.folder / "files"))
    assert place.run("restore", "--to", lake, *files, "-r", "repo").code == 0
    catalog = place.folder / "copy.db"
    catalog.chmod(0o444)
    command = ("rewind", lake, "--to-snapshot", "1", "--no-safety-point", "--json")
    ran = place.run(*command, preexec=give_up_passing)
    assert (ran.code, ran.document["code"]) == (1, "access-denied"), ran
    assert str(catalog) in ran.document["message"]


def test_one_is_no_plural(place: Place) -> None:
    """Of each number of a plan there may be one."""
    ran = place.run("restore", "--to", f"ducklake:{place.folder}/r.db", "--data-path", "f", "--dry-run", "-r", "repo")
    assert ran.code == 0, ran
    for line in ran.out.splitlines():
        assert " 1 files" not in line
        assert "- 1 files" not in line
