"""`canvasback run`: a batch job with a point after it, whatever becomes of the job."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.cli.running import Place, clean, finish, tree

JOB = "import sys, time; {}; print('ready', flush=True); time.sleep(100)"
"""A job that waits for a signal, after something else."""


def test_the_jobs_exit_code_is_ours_and_the_point_is_made_all_the_same(place: Place) -> None:
    for code in (0, 7):
        before = place.points
        ran = place.run("run", place.catalog, "-r", "repo", "sh", "-c", f"echo its own; echo aside >&2; exit {code}")
        assert ran.code == code
        assert ran.out == "its own\n"
        aside, ended, point, *_ = ran.err.splitlines()
        assert aside == "aside"
        assert ended.startswith(f"the command ended with exit code {code} after ")
        [new] = set(place.points) - set(before)
        assert point == f"point {new}"


def test_the_commands_options_are_its_own(place: Place) -> None:
    for arguments in (
        ["-r", "repo", "echo", "-r", "--json", "--", "x"],
        ["-r", "repo", "--", "echo", "-r", "--json", "--", "x"],
        ["-rrepo", "echo", "-r", "--json", "--", "x"],
        ["--repo=repo", "-q", "--jobs", "2", "echo", "-r", "--json", "--", "x"],
    ):
        ran = place.run("run", place.catalog, *arguments)
        assert (ran.code, ran.out) == (0, "-r --json -- x\n"), ran
    assert place.run("run", "--jobs", "2", place.catalog, "-r", "repo", "--", "true").code == 0
    assert place.run("run", place.catalog, "-r", "repo").code == 2


def test_json_comes_after_what_the_job_prints(place: Place) -> None:
    ran = place.run("run", place.catalog, "-r", "repo", "--json", "sh", "-c", "echo its own; exit 3")
    first, rest = ran.out.split("\n", 1)
    assert (ran.code, first, ran.err) == (3, "its own", "")
    assert '"schema": "canvasback.run/1"' in rest
    assert '"exit_code": 3' in rest


def test_the_job_reads_our_stdin(place: Place) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "canvasback", "run", "lake/main.ducklake", "-r", "repo", "cat"],
        cwd=place.folder,
        env=clean(place.folder),
        input="what it reads",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "what it reads")


def test_the_point_has_what_the_job_committed(place: Place) -> None:
    """The job may do anything with the lake; here it loses a file, which the backup finds."""
    assert place.run("init", "new", "--lake", place.catalog).code == 0
    lost = min(place.lake.glob("data/s/t/*.parquet"))
    ran = place.run("run", place.catalog, "-r", "new", "rm", lost)
    assert ran.code == 3
    assert "1 finding: 1 file-missing" in ran.err
    ran = place.run("run", place.catalog, "-r", "new", "sh", "-c", "exit 9")
    assert ran.code == 9  # the job's comes first


def test_a_backup_that_fails_after_a_job(place: Place) -> None:
    place.repo.rename(place.folder / "away")
    ran = place.run("run", place.catalog, "-r", "repo", "echo", "done")
    assert (ran.code, ran.out) == (1, "done\n")
    assert "[not-a-repository]" in ran.err
    ran = place.run("run", place.catalog, "-r", "repo", "--json", "sh", "-c", "exit 6")
    assert (ran.code, ran.document["code"]) == (6, "not-a-repository")


def test_a_job_that_a_signal_ends(place: Place) -> None:
    before = place.points
    assert place.run("run", place.catalog, "-r", "repo", "sh", "-c", "kill -9 $$").code == 137
    assert len(place.points) == len(before) + 1


def test_a_job_that_cannot_be_started(place: Place) -> None:
    for job in ("there-is-no-such-command", place.catalog, place.lake, ""):
        before = tree(place.folder)
        ran = place.run("run", place.catalog, "-r", "repo", "--json", "--", job)
        assert (ran.code, ran.document["code"]) == (2, "command-not-started")
        assert ran.document["message"].startswith(f"{str(job)!r} cannot be started: ")
        assert ran.document["hint"]
        assert ran.err.startswith("error: ")
        assert tree(place.folder) == before


def test_what_makes_no_sense_is_said_before_the_job_runs(place: Place) -> None:
    before = tree(place.folder)
    for arguments in (
        [place.catalog, "-r", "gopher://x"],
        ["ducklake:mysql:x", "-r", "repo"],
        [place.catalog],
        [place.catalog, "-r", "repo", "--limit-rate", "x"],
    ):
        assert place.run("run", *arguments, "--", "touch", "ran").code == 2
    assert tree(place.folder) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_go_to_the_job_and_the_point_is_made(place: Place, number: int) -> None:
    before = place.points
    handles = f"import signal; signal.signal({number:d}, lambda *_: sys.exit(5))"
    process = place.start("run", place.catalog, "-r", "repo", sys.executable, "-c", JOB.format(handles))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert finish(process).code == 5
    assert len(place.points) == len(before) + 1


def test_a_job_that_does_not_handle_a_signal(place: Place) -> None:
    process = place.start("run", place.catalog, "-r", "repo", sys.executable, "-c", JOB.format("pass"))
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    assert finish(process).code == 128 + signal.SIGTERM


def test_the_interrupt_key_reaches_the_job_once(place: Place, tmp_path: Path) -> None:
    """A terminal sends it to all that run in front: to us, and to the job."""
    before = place.points
    job = tmp_path / "job.py"
    job.write_text(
        "import signal, sys, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', flush=True)\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "sys.exit(40 + len(seen))\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "canvasback", "run", "lake/main.ducklake", "-r", "repo", "-q", sys.executable, str(job)],
        cwd=place.folder,
        env=clean(place.folder),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - it is safe in a child
    )
    os.close(theirs)
    shown = b""
    while b"ready" not in shown:
        shown += os.read(ours, 1000)
    time.sleep(0.05)
    os.write(ours, b"\x03")
    with process:
        assert process.wait(60) == 41
    os.close(ours)
    assert len(place.points) == len(before) + 1
