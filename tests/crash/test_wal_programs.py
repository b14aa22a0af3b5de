"""What PostgreSQL starts for every segment: durable or not there at all, create-only, and true to its exit codes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from canvasback.errors import CorruptError, RefusedError
from canvasback.model.wal import Lsn, Segment
from canvasback.repository.archived_log import ArchivedLog, Part, systems
from canvasback.repository.wal_object import wal_name
from canvasback.storage.local.store import LocalStore
from tests.clusters import Cluster, cluster, give, open_folder

MIB = 1 << 20
SYSTEM = 7001
PROGRAM = "from canvasback.cli.archiving import {0}; {0}()"


def segment(number: int = 5, system: int = SYSTEM, *, size: int = MIB, fill: bytes = b"x") -> bytes:
    """The bytes of a segment as far as a push looks at them: a long header, then a load."""
    header = (
        b"\x16\xd1" + (2).to_bytes(2, "little") + (1).to_bytes(4, "little") + (number * size).to_bytes(8, "little")
        + bytes(8) + system.to_bytes(8, "little") + size.to_bytes(4, "little") + (8192).to_bytes(4, "little")
    )  # fmt: skip
    return header + fill * (size - len(header))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir(mode=0o750)
    (folder / "canvasback.json").write_text("{}")
    (folder / "canvasback.json").chmod(0o640)
    return folder


def run(program: str, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(program), *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip


def push(repository: Path, path: Path, system: int = SYSTEM) -> subprocess.CompletedProcess[str]:
    return run("push", "-r", repository, "--system", str(system), path)


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


NAME = Segment(1, 5, MIB).name


def test_what_was_pushed_is_fetched_and_the_library_and_zstd_read_it_too(repository: Path, tmp_path: Path) -> None:
    source = write(tmp_path, NAME, segment())
    for _ in range(2):  # the same again is fine
        done = push(repository, source)
        assert (done.returncode, done.stderr) == (0, "")
    back = tmp_path / "back"
    assert run("fetch", "-r", repository, "--system", str(SYSTEM), NAME, back).returncode == 0
    assert back.read_bytes() == source.read_bytes()
    store = LocalStore(f"{repository}/")
    assert ArchivedLog(store, SYSTEM).get(NAME) == segment()
    assert systems(store) == [SYSTEM]
    object_ = repository / wal_name(SYSTEM, NAME)
    assert subprocess.run(["zstd", "-dc", object_], capture_output=True, check=True).stdout == segment()
    assert object_.stat().st_mode & 0o777 == 0o640  # as open as the repository, whatever the umask says
    assert object_.parent.stat().st_mode & 0o777 == 0o750
    assert [path.name for path in object_.parent.iterdir()] == [object_.name]


def test_the_library_writes_what_a_push_writes(repository: Path, tmp_path: Path) -> None:
    archive = ArchivedLog(LocalStore(f"{repository}/"), SYSTEM)
    assert archive.put(NAME, segment())
    assert not archive.put(NAME, segment())
    assert push(repository, write(tmp_path, NAME, segment())).returncode == 0
    with pytest.raises(RefusedError, match="wal-differs"):
        archive.put(NAME, segment(fill=b"y"))
    archive.put_part(Part(NAME, 400), segment(fill=b"\0"))
    archive.put("00000002.history", b"1\t0/500000\tno recovery target specified\n")
    held = archive.held()
    assert (held.segments, held.parts, held.histories) == ((NAME,), (Part(NAME, 400),), (2,))
    assert archive.history(2).end_of(1) == Lsn(5 << 20)


@pytest.mark.parametrize(
    ("content", "system", "code"),
    [
        (segment(fill=b"y"), SYSTEM, "wal-differs"),
        (segment(6), SYSTEM, "wal-not-whole"),
        (segment()[: MIB // 2], SYSTEM, "wal-not-whole"),
        (segment(system=8), SYSTEM, "wal-not-whole"),
        (bytes(MIB), SYSTEM, "wal-not-whole"),
    ],
    ids=["content", "place", "torn", "system", "zeros"],
)
def test_other_content_is_refused_and_told(
    repository: Path, tmp_path: Path, content: bytes, system: int, code: str
) -> None:
    assert push(repository, write(tmp_path, NAME, segment())).returncode == 0
    other = tmp_path / "other"
    other.mkdir()
    done = push(repository, write(other, NAME, content), system)
    assert done.returncode == 1
    assert re.fullmatch(rf"canvasback-wal-push: .*\[{code}\]\n", done.stderr), done.stderr
    assert ArchivedLog(LocalStore(f"{repository}/"), SYSTEM).get(NAME) == segment()


def test_nothing_is_pushed_where_there_is_no_repository(tmp_path: Path) -> None:
    done = push(tmp_path / "unmounted", write(tmp_path, NAME, segment()))
    assert (done.returncode, "not-a-repository" in done.stderr) == (1, True)
    assert not (tmp_path / "unmounted").exists()


def test_what_is_not_there_ends_a_log_and_what_is_damaged_stops_a_recovery(repository: Path, tmp_path: Path) -> None:
    push(repository, write(tmp_path, NAME, segment()))
    object_ = repository / wal_name(SYSTEM, NAME)
    fetch = ("fetch", "-r", repository, "--system", str(SYSTEM))
    assert run(*fetch, Segment(1, 6, MIB).name, tmp_path / "back").returncode == 1
    # A damaged object, and one that another name has.
    shutil.copy(object_, object_.with_name(Segment(1, 7, MIB).name + ".zst"))
    damaged = bytearray(object_.read_bytes())
    damaged[-20] ^= 1
    object_.write_bytes(damaged)
    for name in (NAME, Segment(1, 7, MIB).name):
        done = run(*fetch, name, tmp_path / "back")
        assert (done.returncode, "wal-corrupt" in done.stderr) == (126, True), done.stderr
        with pytest.raises(CorruptError, match="wal-corrupt"):
            ArchivedLog(LocalStore(f"{repository}/"), SYSTEM).get(name)
    assert run("fetch", "-r", tmp_path / "gone", "--system", "1", NAME, tmp_path / "back").returncode == 126
    assert not (tmp_path / "back").exists()


@pytest.mark.parametrize("dies", ["os.mkdir", "os.open", "os.fsync", "os.link", "os.unlink", "_flush"])
def test_a_push_that_dies_at_a_step_does_not_block_the_next(repository: Path, tmp_path: Path, dies: str) -> None:
    source = write(tmp_path, NAME, segment())
    target = f"archiving.{dies}" if dies.startswith("_") else dies
    for when in ("before", "after"):
        killed = (
            "import os; from canvasback.cli import archiving\n"
            f"real = {target}\n"
            "def die(*a, **k):\n"
            f"    if '{when}' == 'after': real(*a, **k)\n"
            "    os.kill(os.getpid(), 9)\n"
            f"{target} = die\n"
            "archiving.push()\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", killed, "-r", repository, "--system", str(SYSTEM), source], check=False
        )
        assert done.returncode in {-9, 0}
        archive = ArchivedLog(LocalStore(f"{repository}/"), SYSTEM)
        assert archive.get(NAME) in {None, segment()}, "half of a segment is there"
        assert push(repository, source).returncode == 0
        assert archive.get(NAME) == segment()
        shutil.rmtree(repository / "pitr")


def test_of_many_pushes_at_once_one_content_wins(repository: Path, tmp_path: Path) -> None:
    codes: list[int] = []
    sources = []
    for number in range(6):
        folder = tmp_path / str(number)
        folder.mkdir()
        sources.append(write(folder, NAME, segment(fill=b"xy"[number % 2 : number % 2 + 1])))
    threads = [threading.Thread(target=lambda p=p: codes.append(push(repository, p).returncode)) for p in sources]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0, 0, 0, 1, 1, 1]


def test_it_loads_nothing_heavy() -> None:
    """The rest of Canvasback, and the modules that take longest, are not loaded for a segment in a folder."""
    asked = (
        "import sys; from canvasback.cli import archiving; archiving._load_zstandard_alone()\n"
        "import canvasback.repository.wal_object\n"
        "print(*sorted(n for n in sys.modules if n.startswith('canvasback') or "
        "n in {'re', 'typing', 'json', 'msgspec', 'duckdb', 'typer', 'collections', 'functools', 'platform'}))"
    )
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "canvasback", "canvasback.cli", "canvasback.cli.archiving", "canvasback.repository",
        "canvasback.repository.wal_object",
    ]  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


@pytest.mark.parametrize("version", [15, 17, 18])
def test_a_server_archives_with_it_and_recovers_with_it(folder: Path, version: int) -> None:
    """PostgreSQL itself judges: a copy of the cluster, without its log, comes back from the archive alone."""
    (folder / "repository").mkdir()
    (folder / "repository" / "canvasback.json").write_text("{}")
    give(folder / "repository")
    program = f'env PYTHONPATH={os.environ["PYTHONPATH"]} {sys.executable} -c "{PROGRAM}"'
    pushing = f"{program.format('push')} -r {folder}/repository %p"
    with cluster(folder, version, "archive_mode=on", f"archive_command={pushing}") as primary:
        primary.run(
            "pg_basebackup", "-D", str(folder / "copy"), "-h", str(primary.socket), "-U", "postgres", "-X", "none",
            "--checkpoint=fast",
        )  # fmt: skip
        primary.psql("CREATE TABLE t AS SELECT generate_series(1, 20000) AS i; SELECT pg_switch_wal()")
        wanted = primary.psql("SELECT pg_walfile_name(pg_current_wal_lsn() - 1)")
        archive = ArchivedLog(LocalStore(f"{folder}/repository/"), primary.system)
        for _ in range(200):
            if wanted in archive.held().segments:
                break
            time.sleep(0.05)
        assert wanted in archive.held().segments, primary.log()
        system = primary.system
    (folder / "copy" / "recovery.signal").touch()
    give(folder / "copy")
    fetching = f"{program.format('fetch')} -r {folder}/repository --system {system} %f %p"
    copy = Cluster(folder, version, name="copy")
    copy.start(f"restore_command={fetching}")
    try:
        for _ in range(100):
            if copy.psql("SELECT pg_is_in_recovery()") == "f":
                break
            time.sleep(0.05)
        assert copy.psql("SELECT count(*) FROM t") == "20000"
    finally:
        copy.stop()
