"""A command in a process of its own says, byte for byte, what it says in that of a test, and ends as it does there.

All but how long it took.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.running import Place, finish, tree

LAKE = "lake/main.ducklake"
REPO = ("-r", "repo")
TOOK = re.compile(r'\d+\.\d+ s\b|"seconds": [\d.]+')
SAME: dict[str, tuple[int, tuple[object, ...]]] = {
    "help": (0, ("--help",)),
    "help of a command": (0, ("restore", "--help")),
    "nothing": (2, ()),
    "version": (0, ("--version",)),
    "text": (0, ("show", *REPO)),
    "JSON": (0, ("list", *REPO, "--json")),
    "findings": (3, ("verify", *REPO, "--level", "checksum", "--json")),
    "findings in text": (3, ("verify", *REPO, "--level", "checksum")),
    "dry run": (0, ("rewind", LAKE, "--to-snapshot", "3", "--no-safety-point", "--dry-run")),
    "error": (2, ("show", "1999", *REPO)),
    "error in JSON": (4, ("restore", *REPO, "--to", LAKE, "--json")),
    "usage": (2, ("list", "--wrong")),
    "usage of a command": (2, ("verify", "--level", "deep", *REPO)),
    "a watch that ends itself": (2, ("watch", LAKE, *REPO, "--limit-rate", "x")),
    "a job that is none": (2, ("run", LAKE, *REPO, "--json", "--", "there-is-no-such-command")),
    "a path that is no text": (1, ("show", "-r", "re\udcffpo", "--json")),
}


@pytest.mark.parametrize("what", SAME)
def test_a_process_answers_the_same(place: Place, what: str) -> None:
    code, arguments = SAME[what]
    min(place.repo.glob("data/s/t/*.parquet")).write_bytes(b"damaged")
    here = place.run(*arguments)
    there = finish(place.start(*arguments))
    assert (here.code, there.code) == (code, code)
    assert TOOK.sub("", here.out) == TOOK.sub("", there.out)
    assert here.err == there.err


def test_a_job_of_either_has_the_same_to_print_to(place: Place) -> None:
    for run in (place.run, lambda *arguments: finish(place.start(*arguments))):
        ran = run("run", LAKE, *REPO, "-q", "--json", "sh", "-c", "echo one; echo two >&2; pwd; cat; env; exit 3")
        *printed, rest = ran.out.split("{", 1)
        assert (ran.code, ran.err) == (3, "two\n")
        first, folder, *variables = printed[0].splitlines()
        assert (first, folder) == ("one", str(place.folder))
        assert f"HOME={place.folder}/no-home" in variables
        assert not [line for line in variables if line.startswith("PYTEST")]
        assert '"schema": "canvasback.run/1"' in rest


def test_nothing_of_a_command_stays_in_this_process(place: Place) -> None:
    def state() -> object:
        descriptors = {os.readlink(f"/proc/self/fd/{number}") for number in range(3)}
        handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        streams = [sys.stdin, sys.stdout, sys.stderr]
        python = [sys.argv, sys.excepthook, sys.modules["__main__"], *streams]
        return Path.cwd(), dict(os.environ), python, descriptors, handlers

    before, files = state(), tree(place.repo)
    for arguments in (("show", *REPO), ("nonsense",), ("watch", LAKE, *REPO, "--limit-rate", "x")):
        place.run(*arguments)
    assert state() == before
    assert tree(place.repo) == files


def test_what_a_process_reads_at_its_start_is_not_taken_for_settings(place: Place) -> None:
    with pytest.raises(AssertionError, match="a process of its own"):
        place.run("list", *REPO, PYTHONIOENCODING="ascii")
