"""Who may read what is made, and whose it is."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

import canvasback
from canvasback.errors import LockedError
from canvasback.repository import layout, leases
from canvasback.repository.lease import Lease
from canvasback.storage.local.modes import take_after
from canvasback.storage.local.process import Process
from canvasback.storage.local.store import LocalStore
from tests.lake.builder import Lake


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t (i INTEGER)", "INSERT INTO lake.t SELECT range FROM range(100)")
    return lake


def modes(folder: Path) -> tuple[set[int], set[int]]:
    """The modes of all folders and of all files."""
    paths = [folder, *folder.rglob("*")]
    return tuple(  # type: ignore[return-value]
        {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir() == of} for of in (True, False)
    )


def test_a_repository_is_its_makers_alone(lake: Lake) -> None:
    lake.backup()
    assert modes(Path(lake.repository)) == ({0o700}, {0o600})
    lake.run("INSERT INTO lake.t SELECT range FROM range(100)", "CREATE TABLE lake.u AS SELECT 1 AS i")
    lake.backup()
    assert modes(Path(lake.repository)) == ({0o700}, {0o600})


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o640])
def test_a_repository_that_somebody_opened_stays_as_open(lake: Lake, mode: int) -> None:
    lake.backup()
    folder_mode = mode | (mode & 0o444) >> 2
    for path in [Path(lake.repository), *Path(lake.repository).rglob("*")]:
        path.chmod(folder_mode if path.is_dir() else mode)
    lake.run("CREATE SCHEMA lake.other", "CREATE TABLE lake.other.u AS SELECT range AS i FROM range(100)")
    lake.backup()
    assert modes(Path(lake.repository)) == ({folder_mode}, {mode})


def test_a_folder_that_is_there_keeps_its_mode(lake: Lake) -> None:
    Path(lake.repository).mkdir(mode=0o755)
    lake.backup()
    assert stat.S_IMODE(Path(lake.repository).stat().st_mode) == 0o755
    assert modes(Path(lake.repository))[1] == {0o600}


@pytest.mark.parametrize("engine", ["", "sqlite:"])
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_a_catalog_takes_the_mode_of_the_one_that_it_replaces(
    lake: Lake, tmp_path: Path, engine: str, mode: int
) -> None:
    lake.backup()
    target = tmp_path / "target.db"
    lines = {"replace": True, "data_path": str(tmp_path / "files")}
    canvasback.restore(f"ducklake:{engine}{target}", lake.repository, **lines)  # type: ignore[arg-type]
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    target.chmod(mode)
    canvasback.restore(f"ducklake:{engine}{target}", lake.repository, **lines)  # type: ignore[arg-type]
    assert stat.S_IMODE(target.stat().st_mode) == mode
    [aside] = tmp_path.glob("target.db.replaced-*")
    assert stat.S_IMODE(aside.stat().st_mode) == mode


def test_a_file_that_is_put_back_takes_the_mode_of_the_damaged_one(lake: Lake) -> None:
    lake.backup()
    [file] = lake.files()
    file.write_bytes(b"damaged")
    file.chmod(0o640)
    assert canvasback.heal(lake.attach, lake.repository).healed_files == 1
    assert file.stat().st_size > 7
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_what_an_administrator_makes_in_anothers_folder_is_theirs(lake: Lake) -> None:
    lake.backup()
    [file] = lake.files()
    owner = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), os.getegid())  # nobody else writes for others
    for path in [lake.folder, *lake.folder.rglob("*"), Path(lake.repository), *Path(lake.repository).rglob("*")]:
        os.chown(path, *owner)
    file.unlink()
    assert canvasback.heal(lake.attach, lake.repository).healed_files == 1
    lake.catalog.rename(lake.catalog.with_suffix(".old"))
    canvasback.restore(lake.attach, lake.repository)
    for folder in (lake.folder, Path(lake.repository)):
        for path in folder.rglob("*"):
            assert (path.stat().st_uid, path.stat().st_gid) == owner, path


def test_a_replaced_owner_is_taken_as_far_as_allowed(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch(mode=0o604)
    new.touch(mode=0o600)
    take_after(str(new), old.stat())
    assert (new.stat().st_mode, new.stat().st_uid) == (old.stat().st_mode, old.stat().st_uid)


def test_only_what_the_store_makes_is_private(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "above" / "repository")
    store.be_private()
    store.put_new("a/b/c", b"x")
    assert stat.S_IMODE((tmp_path / "above").stat().st_mode) == 0o755
    assert modes(tmp_path / "above" / "repository") == ({0o700}, {0o600})


def test_the_next_run_sweeps_the_catalogs_of_a_killed_one(tmp_path: Path) -> None:
    script = (
        "import os, signal; from canvasback.storage.temporary import make_folder; print(make_folder(), flush=True); "
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}

    def run(more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script + more], env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        return done.stdout.strip()

    killed = Path(run("os.kill(os.getpid(), signal.SIGKILL)"))
    assert stat.S_IMODE(killed.stat().st_mode) == 0o700
    (killed / "catalog.sqlite").write_bytes(b"everything")
    mine = tmp_path / killed.name.replace(killed.name.split("-")[2], str(os.getpid()), 1)
    strange = tmp_path / "canvasback-of-somebody"
    for folder in (mine, strange):
        folder.mkdir()
    started = Path(f"/proc/{os.getpid()}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    mine = mine.rename(tmp_path / "-".join([*killed.name.split("-")[:2], str(os.getpid()), started, "abcdefgh"]))
    later = Path(run("pass"))
    assert not killed.exists()
    assert mine.exists()  # its process lives
    assert strange.exists()
    assert later.exists()  # whoever makes a folder removes it: this one did not


def test_a_process_that_cannot_be_looked_at_lives() -> None:
    """Where no file can be opened, `/proc` tells of a process no more than where it is hidden."""
    script = (
        "import os, resource, subprocess, sys\n"
        "from canvasback.storage.local.process import is_over, started\n"
        "dead = subprocess.Popen([sys.executable, '-c', '']); dead.wait()\n"
        "assert is_over(dead.pid, '1') and is_over(os.getpid(), '1')\n"
        "assert not is_over(os.getpid(), started(os.getpid()))\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n"
        "assert started(1) is None and not is_over(1, '1') and not is_over(os.getppid(), '1')\n"
        "assert is_over(dead.pid, '1') and is_over(2**40, '1') and is_over(0, '1')\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_lease_of_a_clock_that_is_far_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "LIFETIME", timedelta(seconds=0.4))
    monkeypatch.setattr(leases, "_SKEW", timedelta(seconds=0.2))
    monkeypatch.setattr(leases, "_LOOK", 0.05)
    elsewhere = Process("other", "boot pid:[1]", 4242, "99")

    def leave(number: int, expires: datetime) -> None:
        lease = Lease("token", "watch", elsewhere, expires)
        store.put_new(layout.lease_name(number), msgspec.json.encode(lease))

    def clock() -> datetime:
        return datetime.now(UTC)

    for ahead in (datetime.now(UTC) + timedelta(hours=5), datetime.max.replace(tzinfo=UTC)):
        store = LocalStore(tmp_path / f"{ahead:%Y}")
        leave(1, ahead)
        began = time.monotonic()
        with leases.hold_lease(store, "backup", clock) as held:
            held.check()
        assert time.monotonic() - began > 0.5  # it was given its time

    # Who renews it is at work, whatever the clock says.
    store = LocalStore(tmp_path / "renewed")
    leave(1, datetime.now(UTC) + timedelta(hours=5))
    renew = threading.Timer(0.2, lambda: leave(2, datetime.now(UTC) + timedelta(hours=6)))
    renew.start()
    with pytest.raises(LockedError) as caught:
        leases.HeldLease(store, "backup", clock)
    renew.join()
    assert caught.value.code == "repository-locked"
