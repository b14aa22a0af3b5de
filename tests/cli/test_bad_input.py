"""Whatever is wrong: one clear message, its code, a hint, the right exit code, and nothing that was changed.

`fails` runs a command with --json and looks at all of that; the text is the same on stderr, and
`test_errors_in_text` sees that stdout has none of it.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from blake3 import blake3

from canvasback.model.manifest import Manifest
from canvasback.repository.layout import FORMAT, NEWEST
from canvasback.repository.leases import hold_lease
from canvasback.storage.local.store import LocalStore
from tests.cli.running import Place, Ran, fail, fails, finish, is_free, tree
from tests.contract.privileges import give_up_passing
from tests.lake.builder import connect
from tests.oracle import load_fixture
from tests.small_disk import small_disk

USES_OF_A_POINT = [
    ("show", "-r", "repo"),
    ("restore", "-r", "repo", "--to", "new.ducklake", "--data-path", "new"),
]
POINT_COMMANDS = [("show",), ("verify",), ("attach",), ("restore", "--to", "new.ducklake")]


def manifest_of(place: Place, number: int = -1) -> Path:
    return place.repo / "points" / f"{place.points[number]}.json"


def test_errors_in_text(place: Place) -> None:
    for exit_code, code, arguments in (
        (1, "catalog-missing", ["backup", "nowhere", "-r", "repo"]),
        (2, "unknown-point", ["show", "1999", "-r", "repo"]),
        (4, "target-not-empty", ["restore", "-r", "repo", "--to", place.catalog]),
    ):
        said = fails(place, exit_code, code, *arguments)
        ran = place.run(*arguments)
        assert (ran.code, ran.out) == (exit_code, "")
        first, second = ran.err.splitlines()
        assert first.startswith("error: ")
        assert first.endswith(f" [{code}]")
        assert second.startswith("hint: ")
        assert said == f"{first.removeprefix('error: ').removesuffix(f' [{code}]')} {second.removeprefix('hint: ')}"


# The lake


def plain_database(path: Path) -> None:
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE ducklake_metadata_of_mine (key VARCHAR)")


def sqlite_database(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (i INTEGER)")
        connection.commit()


def cut_database(path: Path) -> None:
    plain_database(path)
    os.truncate(path, 5000)


def two_catalogs(path: Path) -> None:
    with duckdb.connect(path) as connection:
        for schema in ("one", "two"):
            connection.execute(f"CREATE SCHEMA {schema}")
            for table in ("ducklake_metadata", "ducklake_snapshot"):
                connection.execute(f"CREATE TABLE {schema}.{table} (key VARCHAR)")


NO_LAKES: dict[str, tuple[str, Any]] = {
    "plain DuckDB": ("not-a-ducklake", plain_database),
    "text": ("not-a-duckdb-file", lambda path: path.write_text("-- CREATE TABLE ducklake_metadata\n" * 20)),
    "short text": ("not-a-duckdb-file", lambda path: path.write_text("x")),
    "nothing in it": ("not-a-duckdb-file", lambda path: path.touch()),
    "folder": ("not-a-duckdb-file", lambda path: path.mkdir()),
    "SQLite": ("not-a-duckdb-file", sqlite_database),
    "missing": ("catalog-missing", lambda path: None),
    "below a file": ("catalog-missing", lambda path: None),
    "dangling link": ("catalog-missing", lambda path: path.symlink_to("nowhere")),
    "cut short": ("catalog-unreadable", cut_database),
    "several": ("several-catalogs", two_catalogs),
}


@pytest.mark.parametrize("what", NO_LAKES)
def test_not_a_lake(place: Place, what: str) -> None:
    code, make = NO_LAKES[what]
    path = place.folder / "something"
    make(path)
    named = path if what != "below a file" else place.catalog / "something"
    commands = [("backup", named, "-r", "repo"), ("init", "new-repo", "--lake", f"ducklake:{named}")]
    assert all(str(named) in said for said in fail(place, 1, code, commands))


def test_sqlite_says_what_it_is(place: Place) -> None:
    sqlite_database(place.folder / "main.db")
    assert "SQLite" in fails(place, 1, "not-a-duckdb-file", "backup", "main.db", "-r", "repo")
    fails(place, 1, "not-a-ducklake", "backup", "ducklake:sqlite:main.db", "-r", "repo")


@pytest.mark.previous
def test_a_catalog_of_a_newer_duckdb(place: Place) -> None:
    fixture = load_fixture("duckdb-1.0", place.folder)
    said = fails(place, 1, "duckdb-too-old", "init", "new-repo", "--lake", fixture.attach)
    assert "v1.5.5" in said
    assert "pip install 'duckdb>=1.5.5'" in said
    assert duckdb.__version__ in said


def test_an_encrypted_duckdb_file(place: Place) -> None:
    with connect() as connection:  # its encryption needs an extension too
        connection.execute("LOAD httpfs")
        connection.execute(f"ATTACH '{place.folder}/secret.ducklake' AS s (ENCRYPTION_KEY 'geheim')")
        connection.execute("CREATE TABLE s.ducklake_metadata (key VARCHAR)")
    fails(place, 1, "catalog-encrypted", "init", "new-repo", "--lake", "secret.ducklake")


@pytest.mark.parametrize("lake", ["", "ducklake:", "ducklake:sqlite:"])
def test_a_lake_name_that_is_none(place: Place, lake: str) -> None:
    fails(place, 2, "lake-name", "backup", lake, "-r", "repo")


@pytest.mark.parametrize("lake", ["ducklake:mysql:db=x", "md:mine"])
def test_a_kind_of_catalog_that_is_not_supported(place: Place, lake: str) -> None:
    for arguments in (("backup", lake, "-r", "repo"), ("restore", "-r", "repo", "--to", lake)):
        said = fails(place, 2, "engine-not-supported", *arguments)
        assert "DuckDB, SQLite or PostgreSQL" in said


def test_another_lake(place: Place, stages: Any) -> None:
    fixture = load_fixture("duckdb-0.3", place.folder)
    said = fails(place, 4, "other-lake", "backup", fixture.attach, "-r", "repo")
    assert "canvasback init" in said


def test_two_data_paths(place: Place) -> None:
    shutil.copytree(place.lake / "data", place.folder / "data")
    said = fails(place, 4, "ambiguous-data-path", "backup", place.catalog, "-r", "repo")
    assert "--data-path" in said


def test_a_location_that_is_none(place: Place) -> None:
    for location in ("ftp://host/data/", "s3://", "s3:///data/", "gs://"):
        fails(place, 2, "location-not-supported", "backup", place.catalog, "-r", "repo", "--data-path", location)
        fails(place, 2, "location-not-supported", "list", "-r", location)


# The repository


@pytest.mark.parametrize("repo", ["nowhere", "lake", "lake/main.ducklake", ""])
def test_not_a_repository(place: Place, repo: str) -> None:
    commands = (("list",), ("verify", "--all"), ("backup", place.catalog), ("restore", "--to", "new.ducklake"))
    expected = (1, "not-a-repository") if repo else (2, "no-repository")
    fail(place, *expected, [(*command, "-r", repo) for command in commands])


@pytest.mark.parametrize("command", POINT_COMMANDS)
def test_points_that_are_not_there(place: Place, command: tuple[str, ...]) -> None:
    name, *options = command
    fails(place, 2, "unknown-point", name, "1999", *options, "-r", "repo")
    said = fails(place, 2, "ambiguous-point", name, place.points[0][:8], *options, "-r", "repo")
    assert place.points[0] in said
    assert place.run("init", "empty", "--lake", place.catalog).code == 0
    fails(place, 2, "no-points", name, *options, "-r", "empty")


def test_a_folder_that_is_not_empty(place: Place) -> None:
    (place.folder / "other").mkdir()
    (place.folder / "other" / "notes.txt").write_text("mine")
    fails(place, 4, "folder-not-empty", "init", "other", "--lake", place.catalog)
    fails(place, 4, "repository-exists", "init", "repo", "--lake", place.catalog)


def test_a_file_where_the_repository_should_go(place: Place) -> None:
    (place.folder / "file").write_text("mine")
    fails(place, 4, "folder-not-empty", "init", "file", "--lake", place.catalog)


def test_a_repository_in_the_data_path(place: Place) -> None:
    inside = place.lake / "data" / "repo"
    shutil.copytree(place.repo, inside)
    fails(place, 4, "repository-in-data-path", "backup", place.catalog, "-r", inside)


def test_a_new_repository_in_the_data_path(place: Place) -> None:
    # No backup would be made into it.
    fails(place, 4, "repository-in-data-path", "init", place.lake / "data" / "new", "--lake", place.catalog)


def test_a_data_path_in_the_repository(place: Place) -> None:
    (place.folder / "link").symlink_to("repo/data")
    fail(
        place,
        4,
        "repository-in-data-path",
        [
            ("restore", "-r", "repo", "--to", "new.ducklake", "--data-path", path)
            for path in ("repo/data", "repo", ".", "repo/new", "link")
        ],
    )


def test_a_chunk_that_is_damaged(place: Place) -> None:
    victim = chunk_of(place, "ducklake_data_file")
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 4
    victim.write_bytes(content)
    assert all(str(victim) in said for said in fail(place, 1, "chunk-corrupt", USES_OF_A_POINT))
    assert_verify_finds(place, "chunk-corrupt", f"catalog/{victim.parent.name}/{victim.name}")


def test_a_chunk_that_is_missing(place: Place) -> None:
    victim = chunk_of(place, "ducklake_snapshot")
    victim.unlink()
    assert all(str(victim) in said for said in fail(place, 1, "chunk-missing", USES_OF_A_POINT))
    assert_verify_finds(place, "object-missing", f"catalog/{victim.parent.name}/{victim.name}")


@pytest.mark.parametrize("damage", ["missing", "cut short"])
def test_a_chunk_that_attach_cannot_read(place: Place, damage: str) -> None:
    victim = chunk_of(place, "ducklake_data_file")
    content = victim.read_bytes()
    victim.unlink()
    if damage == "cut short":
        victim.write_bytes(content[:-30])
    code = "chunk-missing" if damage == "missing" else "chunk-corrupt"
    assert str(victim) in fails(place, 1, code, "attach", "-r", "repo")


@pytest.mark.parametrize("damage", ["cut short", "one bit", "another list"])
def test_a_chunk_of_the_file_list_that_is_damaged(place: Place, damage: str) -> None:
    victim = chunk_of(place, "data")
    content = bytearray(victim.read_bytes())
    if damage == "cut short":
        del content[-20:]
    elif damage == "one bit":
        content[5] ^= 1
    else:
        content = bytearray(chunk_of(place, "data", 0).read_bytes())
    victim.write_bytes(content)
    said = fails(place, 1, "chunk-corrupt", "restore", "-r", "repo", "--to", "new.ducklake", "--data-path", "new")
    assert str(victim) in said
    assert_verify_finds(place, "chunk-corrupt", None)


def chunk_of(place: Place, table: str, number: int = -1) -> Path:
    manifest = msgspec.json.decode(manifest_of(place, number).read_bytes(), type=Manifest)
    [found] = [t for t in (*manifest.tables, *manifest.files) if t.name == table]
    hash_ = found.chunks[0].hash
    return place.repo / "catalog" / hash_[:2] / f"{hash_}.parquet"


def assert_verify_finds(place: Place, code: str, where: str | None) -> None:
    before = tree(place.folder)
    ran = place.run("verify", "--all", "--level", "checksum", "-r", "repo", "--json")
    assert (ran.code, ran.err) == (3, "")
    findings = ran.document["findings"]
    assert {finding["code"] for finding in findings} & {code, "object-size"}
    if where is not None:
        assert where in {finding["where"] for finding in findings}
    assert tree(place.folder) == before


def test_a_manifest_that_is_damaged(place: Place) -> None:
    content = manifest_of(place).read_bytes()
    manifest_of(place).write_bytes(content.replace(b'"snapshots":', b'"snapshats":'))
    damaged_manifest(place, "manifest-corrupt")


def test_a_manifest_that_is_cut_short(place: Place) -> None:
    manifest_of(place).write_bytes(manifest_of(place).read_bytes()[:1000])
    damaged_manifest(place, "manifest-corrupt")


def test_a_manifest_of_a_newer_format(place: Place) -> None:
    content = manifest_of(place).read_bytes()
    manifest_of(place).write_bytes(content.replace(b'"format":%d' % FORMAT, b'"format":%d' % (NEWEST + 1)))
    damaged_manifest(place, "format-too-new")


def damaged_manifest(place: Place, code: str) -> None:
    """The newest point cannot be used, and everything else goes on."""
    commands = [(*command, "-r", "repo") for command in POINT_COMMANDS if command[0] != "verify"]
    assert all(place.points[1] in said for said in fail(place, 1, code, commands))
    assert_verify_finds(place, code, place.points[1])
    listed = place.run("list", "-r", "repo", "--json")
    assert (listed.code, listed.err) == (3, "")
    assert [bool(point["problem"]) for point in listed.document["points"]] == [False, True]
    assert place.run("show", place.points[0], "-r", "repo").code == 0
    again = place.run("backup", place.catalog, "-r", "repo", "--json")
    assert again.code == 3
    assert again.document["finding_counts"] == {"repository-damaged": 1}
    assert place.run("verify", place.points[-1], "--level", "rows", "-r", "repo").code == 0
    assert len(place.points) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"null", b'{"format": "one"}', b'{"format":1}', b"\xff\xfe\x00"])
def test_a_marker_that_cannot_be_read(place: Place, content: bytes) -> None:
    (place.repo / "canvasback.json").write_bytes(content)
    commands = (("backup", place.catalog), ("list",))
    found = fail(place, 1, "marker-corrupt", [(*command, "-r", "repo") for command in commands])
    assert all("docs/format.md" in said for said in found)
    fails(place, 4, "repository-exists", "init", "repo", "--lake", place.catalog)


def test_a_repository_of_a_newer_format(place: Place) -> None:
    (place.repo / "canvasback.json").write_text(f'{{"format": {NEWEST + 1}, "all": "different"}}')
    commands = (("list",), ("backup", place.catalog), ("restore", "--to", "new.ducklake"))
    found = fail(place, 1, "format-too-new", [(*command, "-r", "repo") for command in commands])
    assert all("newer release" in said for said in found)


def test_a_locked_repository(place: Place) -> None:
    with hold_lease(LocalStore(place.repo), "backup", lambda: datetime.now(UTC)):
        said = fails(place, 5, "repository-locked", "backup", place.catalog, "-r", "repo")
        assert f"process {os.getpid()}" in said
        # Readers need no lease.
        assert place.run("verify", "--all", "-r", "repo").code == 0
    assert place.run("backup", place.catalog, "-r", "repo").code == 0


def test_a_stray_file_in_every_folder(place: Place) -> None:
    for folder in ("", "points", "leases", "catalog", "data", "external"):
        (place.repo / folder).mkdir(exist_ok=True)
        for name in (".DS_Store", "notes.txt"):
            (place.repo / folder / name).write_text("not ours")
    for command in (("list",), ("show",), ("verify", "--all"), ("backup", place.catalog)):
        ran = place.run(*command, "-r", "repo")
        assert (ran.code, ran.err) == (0, "")


# Where to write


def test_a_target_that_is_not_empty(place: Place) -> None:
    (place.folder / "notes.txt").write_text("mine")
    (place.folder / "folder").mkdir()
    (place.folder / "dangling").symlink_to("nowhere")
    other = load_fixture("duckdb-1.0", place.folder)
    targets = (place.catalog, "notes.txt", "folder", other.attach)
    fail(
        place,
        4,
        "target-not-empty",
        [
            *(("restore", "-r", "repo", "--data-path", "new", "--to", target) for target in targets),
            ("restore", "-r", "repo", "--data-path", "new", "--to", "folder", "--replace"),
        ],
    )
    targets = (place.catalog, "notes.txt", "folder", "dangling")
    fail(place, 4, "target-not-empty", [("attach", "-r", "repo", "--out", target) for target in targets])


def test_a_catalog_that_somebody_has_open(place: Place) -> None:
    with held_open(place.catalog):
        for replace in ((), ("--replace",)):
            fails(
                place, 5, "catalog-in-use",
                "restore", "-r", "repo", "--data-path", "new", "--to", place.catalog, *replace,
            )  # fmt: skip


@contextlib.contextmanager
def held_open(catalog: Path) -> Iterator[None]:
    """Let another process have a catalog open: who reads a file that this one has open makes it lose its lock."""
    script = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(catalog)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        try:
            yield
        finally:
            holder.kill()


# A repository that somebody tampered with, all hashes right


def forge(place: Place, **changed: object) -> None:
    """Change the first row of the newest point's list of data files, as if a backup had written it so."""
    path = manifest_of(place)
    manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    files = {table.name: table for table in manifest.files}
    [chunk] = files["data"].chunks
    old = place.repo / "catalog" / chunk.hash[:2] / f"{chunk.hash}.parquet"
    forged = place.folder / "forged.parquet"
    replaced = ", ".join(f"CASE WHEN n = 1 THEN ${name} ELSE {name} END AS {name}" for name in changed)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE (n) REPLACE ({replaced}) FROM (SELECT *, row_number() OVER () AS n "
            f"FROM read_parquet('{old}'))) TO '{forged}' (FORMAT parquet)",
            changed,
        )
    content = forged.read_bytes()
    forged.unlink()
    hash_ = blake3(content).hexdigest()
    target = place.repo / "catalog" / hash_[:2] / f"{hash_}.parquet"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)
    new = msgspec.structs.replace(chunk, hash=hash_, bytes=len(content))
    files["data"] = msgspec.structs.replace(files["data"], chunks=(new,))
    blank = msgspec.structs.replace(manifest, files=tuple(files.values()), self="0" * 64)
    checksum = blake3(msgspec.json.encode(blank)).hexdigest()
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(blank, self=checksum)))


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "../../etc/passwd"},
        {"path": "s/t/../../../../outside.parquet"},
        {"path": ".."},
        {"path": "/etc/canvasback-test"},
        {"path": "s//t/f.parquet"},
        {"path": ""},
        {"path": "s/t/"},
        {"object": "../lake/main.ducklake"},
        {"object": "/etc/passwd"},
        {"object": "data/../../lake/main.ducklake"},
        {"path": "../../etc/passwd", "elsewhere": True, "object": "external/x/../../../../escaped"},
    ],
    ids=str,
)
def test_a_point_that_leads_out_of_its_target(place: Place, changed: dict[str, object]) -> None:
    forge(place, **changed)
    fails(
        place, 4, "unsafe-name",
        "restore", "-r", "repo", "--to", "new/main.ducklake", "--data-path", "new/data",
    )  # fmt: skip
    assert not Path("/etc/canvasback-test").exists()
    assert not (place.folder / "new").exists()


def test_a_point_that_leads_out_of_the_original_data_path(place: Place) -> None:
    forge(place, path="s/t/../../../../../../../../../../tmp/canvasback-test")
    fails(place, 4, "unsafe-name", "restore", "-r", "repo", "--to", "new.ducklake")


def test_a_point_that_reads_outside_of_its_repository(place: Place) -> None:
    forge(place, object="../secret")
    (place.folder / "secret").write_text("not for the lake")
    fails(place, 4, "unsafe-name", "attach", "-r", "repo", "--out", "out.ducklake")
    for level in ("exists", "checksum", "rows"):
        ran = place.run("verify", "--level", level, "-r", "repo", "--json")
        assert ran.code == 3
        assert ran.document["finding_counts"] == {"unsafe-name": 1}


# The machine


def big_file(place: Place, size: int) -> Path:
    """Let a data file of the lake, in file and catalog, be so large; it takes no space."""
    with duckdb.connect(place.catalog) as connection:
        [(name,)] = connection.execute(
            "UPDATE ducklake_data_file SET file_size_bytes = ? WHERE data_file_id = 0 RETURNING path", [size]
        ).fetchall()
    [path] = place.lake.rglob(name)
    os.truncate(path, size)
    return path


def limited(size: int) -> Callable[[], None]:
    """Let a child write no file that is larger: of a full disk, what every machine can make."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_full(ran: Ran, *, mounted: bool) -> None:
    """The answer to a full disk, or to the limit where there is none: the operating system words it otherwise."""
    assert "Traceback" not in ran.err
    assert (ran.code, ran.out) == (1, "")
    first, *more = ran.err.splitlines()
    assert first.endswith("[no-space]" if mounted else "[storage-failed]")
    if mounted:
        [second] = more
        assert second.startswith("hint: Free some space")


def test_no_space_left(place: Place) -> None:
    disk = place.folder / "disk"
    limit = place.catalog.stat().st_size + 1_000_000  # the catalog itself is copied first, to another disk
    big_file(place, limit + 1_000_000)
    with small_disk(disk, 2_500_000) as mounted:
        repo = disk / "repo"
        shutil.copytree(place.repo, repo)
        ran = place.run("backup", place.catalog, "-r", repo, preexec=None if mounted else limited(limit))
        assert_full(ran, mounted=mounted)
        assert sorted(p.stem for p in repo.glob("points/*")) == place.points
        assert place.run("verify", "--all", "--level", "checksum", "-r", repo).code == 0
        assert is_free(repo)
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
        again = place.run("backup", place.catalog, "-r", repo, "--json")
        assert (again.code, again.err) == (3, "")  # the file is not what the repository has of it
        assert place.run("verify", "--level", "checksum", "-r", repo).code == 0


def test_no_space_left_to_restore(place: Place) -> None:
    disk = place.folder / "disk"
    with small_disk(disk, 20_000) as mounted:
        before = tree(place.repo)
        command = ("restore", "-r", "repo", "--to", disk / "x.ducklake", "--data-path", disk / "data")
        assert_full(place.run(*command, preexec=None if mounted else limited(400)), mounted=mounted)
        assert not (disk / "x.ducklake").exists()
        assert tree(place.repo) == before
        if mounted:
            subprocess.run(["mount", "-o", "remount,size=50m", disk], check=True)
        again = place.run(*command)
        assert (again.code, again.err) == (0, "")


def test_no_permission_to_read_the_catalog(place: Place) -> None:
    place.catalog.chmod(0)
    try:
        for command in (("backup", place.catalog), ("init", "new", "--lake", place.catalog)):
            ran = place.run(*command, *(["-r", "repo"] if command[0] == "backup" else []), preexec=give_up_passing)
            assert_denied(ran, place.catalog)
    finally:
        place.catalog.chmod(0o644)
    assert not (place.folder / "new").exists()


def assert_denied(ran: Any, path: Path) -> None:
    assert "Traceback" not in ran.err
    assert (ran.code, ran.out) == (1, "")
    first, second = ran.err.splitlines()
    assert first.endswith("[access-denied]")
    assert str(path) in first
    assert second.startswith("hint: ")


def test_no_permission_to_write_to_the_repository(place: Place) -> None:
    before = tree(place.repo)
    with unwritable(place.repo):
        assert_denied(place.run("backup", place.catalog, "-r", "repo", preexec=give_up_passing), place.repo)
        # Who may only read can still look, and restore.
        for command in (("list",), ("verify", "--all"), ("restore", "--to", "n.ducklake", "--data-path", "n")):
            ran = place.run(*command, "-r", "repo", preexec=give_up_passing)
            assert (ran.code, ran.err) == (0, "")
    assert tree(place.repo) == before


@contextlib.contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in folders:
            path.chmod(0o755)


def test_no_permission_to_read_the_repository(place: Place) -> None:
    for folder in ("", "points", "catalog"):
        path = place.repo / folder
        path.chmod(0)
        try:
            for command in (("list",), ("verify",), ("restore", "--to", "n.ducklake", "--data-path", "n")):
                if (folder, command[0]) != ("catalog", "list"):
                    assert_denied(place.run(*command, "-r", "repo", preexec=give_up_passing), path)
        finally:
            path.chmod(0o755)
    assert not (place.folder / "n").exists()


def test_no_permission_to_write_the_restored_lake(place: Place) -> None:
    target = place.folder / "target"
    target.mkdir()
    with unwritable(target):
        for options in (
            ("--to", target / "n.ducklake", "--data-path", "n"),
            ("--to", "n.ducklake", "--data-path", target / "data"),
        ):
            ran = place.run("restore", "-r", "repo", *options, preexec=give_up_passing)
            assert_denied(ran, target)
            assert not (place.folder / "n.ducklake").exists()
        assert_denied(
            place.run("attach", "-r", "repo", "--out", target / "a.ducklake", preexec=give_up_passing), target
        )
        assert_denied(place.run("init", target / "r", "--lake", place.catalog, preexec=give_up_passing), target)


def test_data_files_that_cannot_be_read_are_findings(place: Place) -> None:
    shutil.rmtree(place.repo)
    assert place.run("init", "repo", "--lake", place.catalog).code == 0
    unreadable, missing, *_ = sorted(place.lake.glob("data/s/t/*.parquet"))
    missing.unlink()
    unreadable.chmod(0)
    ran = place.run("backup", place.catalog, "-r", "repo", preexec=give_up_passing)
    assert (ran.code, ran.err) == (3, "")
    assert "2 findings: 1 file-missing, 1 file-unreadable" in ran.out
    assert str(missing) in ran.out
    unreadable.chmod(0o644)


# Interrupted


def test_interrupted_while_it_reads_the_catalog(place: Place, tmp_path: Path) -> None:
    slow = tmp_path / "slow.ducklake"
    shutil.copyfile(place.catalog, slow)
    before = tree(place.folder)
    (tmp_path / "tmp").mkdir()
    with held_open(slow):  # by a writer: it is copied, and then read
        os.truncate(slow, 2**30)  # it takes no space
        process = place.start("backup", slow, "-r", "repo", TMPDIR=str(tmp_path / "tmp"))
        while not list((tmp_path / "tmp").rglob("image.duckdb")):
            assert process.poll() is None
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        ran = finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err
    assert "interrupted" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert {name for name, _ in tree(place.folder).items() ^ before.items() if "/leases/" not in name} == set()
    assert list((tmp_path / "tmp").iterdir()) == []
    assert is_free(place.repo)


def test_interrupted_while_it_copies(place: Place) -> None:
    size = 2**30
    source = big_file(place, size)
    shutil.rmtree(place.repo)
    assert place.run("init", "repo", "--lake", place.catalog).code == 0
    process = place.start("backup", place.catalog, "-r", "repo")
    copy = place.repo / source.relative_to(place.lake)
    while not copy.exists():
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    ran = finish(process)
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err
    assert list(place.repo.glob("points/*")) == []
    assert is_free(place.repo)
    # Who interrupts does not want to find half of a file; where the signal came late, it may be whole.
    assert not copy.exists() or copy.stat().st_size == size


# Usage


def test_usage(place: Place) -> None:
    before = tree(place.folder)
    commands = [
        ["backup"],
        ["backup", "lake", "extra", "-r", "repo"],
        ["frobnicate"],
        ["list", "--wrong"],
        ["restore", "-r", "repo"],
        ["init", "new"],
        ["verify", "--level", "deep", "-r", "repo"],
        ["restore", "--to", "x", "--level", "rows", "-r", "repo"],
        ["backup", "lake/main.ducklake", "-r", "repo", "--jobs", "0"],
        ["backup", "lake/main.ducklake", "-r", "repo", "--jobs", "many"],
        ["backup", "lake/main.ducklake", "-r", "repo", "--recheck", "-1"],
        ["backup", "lake/main.ducklake", "-r"],
    ]
    for command in commands:
        ran = place.run(*command)
        assert (ran.code, ran.out) == (2, ""), command
        assert "Usage: " in ran.err or "Error" in ran.err
        assert "Traceback" not in ran.err
    assert tree(place.folder) == before


def test_no_repository_is_named(place: Place) -> None:
    for command in (
        ("list",),
        ("show",),
        ("verify",),
        ("attach",),
        ("backup", place.catalog),
        ("restore", "--to", "x"),
    ):
        assert "CANVASBACK_REPO" in fails(place, 2, "no-repository", *command)


@pytest.mark.parametrize(
    "content",
    [
        "repository = ",
        "repository = 7",
        "repositry = 'repo'",
        "[lakes]\nsales = 'ducklake:main.ducklake'",
        "[lakes.sales]\nrepository = 'repo'",
        "[lakes.sales]\nlake = 'main.ducklake'\ndatapath = 'x'",
        "lakes = []",
        "repository = 'a'\nrepository = 'b'",
        "\0",
        b"repository = '\xff'",
    ],
)
def test_a_settings_file_with_a_mistake(place: Place, content: str | bytes) -> None:
    (place.folder / "canvasback.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    said = fails(place, 2, "settings-file", "list", "-r", "repo")
    assert "canvasback.toml" in said


def test_a_settings_file_that_is_a_folder(place: Place) -> None:
    (place.folder / "canvasback.toml").mkdir()
    fails(place, 2, "settings-file", "list", "-r", "repo")


def test_a_reader_that_goes_away(place: Place) -> None:
    """`canvasback show | head -1`: the end of the reader is no error of ours."""
    process = place.start("show", "-r", "repo")
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    with process:
        process.wait()
    assert "Traceback" not in err
    assert err == ""


def test_a_target_below_a_file(place: Place) -> None:
    (place.folder / "file").write_text("mine")
    before = tree(place.folder)
    for options in (
        ["restore", "--to", "file/new.ducklake", "--data-path", "n"],
        ["restore", "--to", "new.ducklake", "--data-path", "file/data"],
        ["attach", "--out", "file/new.ducklake"],
        ["init", "file/repo", "--lake", place.catalog],
    ):
        repo = [] if options[0] == "init" else ["-r", "repo"]
        ran = place.run(*options, *repo, "--json")
        assert "Traceback" not in ran.err
        assert ran.code in {1, 4}
        assert str(place.folder / "file") in ran.document["message"]
        assert ran.document["hint"]
        assert tree(place.folder) == before
