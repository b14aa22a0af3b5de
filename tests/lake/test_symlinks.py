"""A catalog that is named through symlinks is the file itself: with its log, wherever its engine keeps that."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Literal

import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.catalog.engines.duckdb.engine import FOLLOWS_LINKS
from canvasback.catalog.engines.files import is_open_here
from canvasback.model.lake import parse_lake
from tests.lake.builder import Lake, connect, read, session
from tests.lake.values import literal

pytestmark = pytest.mark.versions

Kind = Literal["duckdb", "sqlite"]
KINDS: list[Kind] = ["duckdb", "sqlite"]


class Linked:
    """A lake whose catalog has three names: itself, a symlink to it, and a symlink in a symlinked folder to that."""

    def __init__(self, kind: Kind, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        for name in ("real", "links"):
            (folder / name).mkdir(parents=True)
        self.file, self.link, self.far = folder / "real" / "c.db", folder / "link.db", folder / "way" / "far.db"
        self.link.symlink_to("real/c.db")
        (folder / "links" / "far.db").symlink_to("../link.db")
        (folder / "way").symlink_to("links")
        self.repository = str(folder / "repository")
        self.options = (f"DATA_PATH {literal(str(folder / 'files'))}", "DATA_INLINING_ROW_LIMIT 0")
        with session(self.name(self.file), *self.options) as connection:
            connection.execute("CREATE TABLE lake.t AS SELECT i FROM range(10) r(i)")
        canvasback.init(self.name(self.file), self.repository)

    def name(self, file: Path) -> str:
        return f"ducklake:{self.kind}:{file}"

    @property
    def names(self) -> list[str]:
        return [self.name(file) for file in (self.file, self.link, self.far)]

    def logs(self) -> list[Path]:
        """Where logs are."""
        return sorted(path for path in self.folder.rglob("*db.wal") if not path.is_symlink())

    def die(self, used: Path, copy: Path, commits: int) -> Linked:
        """Commit under a name, and be killed: a copy of all as it was then."""
        with session(self.name(used), *self.options) as connection:
            connection.execute("SET wal_autocheckpoint = '1GB'")
            for number in range(commits):
                connection.execute(f"INSERT INTO lake.t VALUES ({number})")
            shutil.copytree(self.folder, copy, symlinks=True)
        found = object.__new__(Linked)
        found.__dict__ = self.__dict__ | {"folder": copy, "repository": str(copy / "repository")}
        found.file, found.link, found.far = copy / "real" / "c.db", copy / "link.db", copy / "way" / "far.db"
        return found


@pytest.fixture(params=KINDS)
def linked(request: pytest.FixtureRequest, tmp_path: Path) -> Linked:
    return Linked(request.param, tmp_path / "lake")


def test_every_name_saves_the_newest_snapshot_while_somebody_writes(linked: Linked) -> None:
    with session(linked.name(linked.far), *linked.options) as connection:
        assert is_open_here(str(linked.far)) or linked.kind == "sqlite"
        for number in range(3):
            connection.execute(f"INSERT INTO lake.t VALUES ({number})")
        if linked.kind == "duckdb":  # DuckDB 1.4 keeps the log where nobody looks who knows the file's own name only
            assert linked.logs() == [Path(f"{linked.file if FOLLOWS_LINKS else linked.folder / 'links/far.db'}.wal")]
        for name in linked.names if FOLLOWS_LINKS or linked.kind == "sqlite" else linked.names[2:]:
            assert canvasback.backup(name, linked.repository).snapshot_id == 4


def test_the_log_is_found_beside_the_file_and_beside_each_name(tmp_path: Path) -> None:
    linked = Linked("duckdb", tmp_path / "lake")
    died = linked.die(linked.file, tmp_path / "copy", 3)
    [log] = died.logs()
    for beside in (died.file, died.link, died.folder / "links" / "far.db"):
        log = log.rename(f"{beside}.wal")
        assert canvasback.backup(died.name(died.far), died.repository).snapshot_id == 4
        assert canvasback.check(died.name(died.far), level="exists").snapshot_id == 4
    shutil.copy(log, f"{died.file}.wal")
    with pytest.raises(canvasback.LakeError) as error:
        canvasback.backup(died.name(died.far), died.repository)
    assert error.value.code == "two-logs"


def test_the_pulse_feels_every_commit(linked: Linked) -> None:
    engines = [open_engine(parse_lake(name)) for name in linked.names]
    with session(linked.name(linked.link), *linked.options) as connection:
        if linked.kind == "duckdb" and not FOLLOWS_LINKS:
            engines = engines[1:]
        for number in range(3):
            before = [engine.pulse() for engine in engines]
            connection.execute(f"INSERT INTO lake.t VALUES ({number})")
            assert all(old != engine.pulse() for old, engine in zip(before, engines, strict=True))


def test_a_watch_follows_a_link_that_leads_elsewhere_now(linked: Linked) -> None:
    engine = open_engine(parse_lake(linked.name(linked.link)))
    before = engine.pulse()
    shutil.copy(linked.file, linked.folder / "real" / "new.db")
    linked.link.unlink()
    linked.link.symlink_to("real/new.db")
    assert engine.pulse() != before
    assert engine.place() == str(linked.folder / "real" / "new.db")


@pytest.mark.parametrize("used", ["link", "far"])
def test_replacing_through_a_link_replaces_the_file(linked: Linked, used: str) -> None:
    name = linked.name(getattr(linked, used))
    canvasback.backup(name, linked.repository)
    truth = read(linked.name(linked.file))
    with session(linked.name(linked.file), *linked.options) as connection:
        connection.execute("DROP TABLE lake.t")
    with pytest.raises(canvasback.RefusedError):
        canvasback.restore(name, linked.repository)
    result = canvasback.restore(name, linked.repository, replace=True)
    assert result.findings == ()
    assert (os.readlink(linked.link), os.readlink(linked.far)) == ("real/c.db", "../link.db")
    assert sorted(path.name for path in linked.folder.iterdir() if ".replaced-" in path.name) == []
    assert [read(each) for each in linked.names] == [truth] * 3


def test_a_replaced_catalog_keeps_its_log(tmp_path: Path) -> None:
    linked = Linked("duckdb", tmp_path / "lake")
    canvasback.backup(linked.name(linked.file), linked.repository)
    died = linked.die(linked.link, tmp_path / "copy", 3)
    canvasback.restore(died.name(died.link), died.repository, replace=True, shares_files=True)
    [aside] = [path for path in (died.folder / "real").iterdir() if path.name.partition(".replaced-")[2][-1:] == "Z"]
    assert died.logs() == []
    assert canvasback.backup(f"ducklake:{aside}", died.repository).snapshot_id == 4
    with open_engine(parse_lake(died.name(died.far))).read() as image:
        assert image.head()[0] == 1


def test_a_link_that_leads_nowhere_is_a_place(linked: Linked) -> None:
    canvasback.backup(linked.name(linked.link), linked.repository)
    truth = read(linked.name(linked.file))
    linked.file.rename(linked.folder / "kept.db")
    assert canvasback.restore(linked.name(linked.far), linked.repository).findings == ()
    assert linked.link.is_symlink()
    assert read(linked.name(linked.file)) == truth


def test_a_lake_is_changed_through_a_link(linked: Linked) -> None:
    for number, name in enumerate(linked.names):
        with session(name, *linked.options) as connection:
            connection.execute(f"INSERT INTO lake.t VALUES ({number})")
        canvasback.rewind(name, to_snapshot=1, repository=linked.repository)
        assert len(read(name)["main.t"]) == 1 + 10
        for file in (linked.folder / "files").rglob("*.parquet"):
            file.unlink()
        assert canvasback.heal(name, linked.repository).healed_files == 1
        assert canvasback.check(name).findings == ()


def test_a_log_beside_a_link_is_taken_in_or_nothing_is_changed(tmp_path: Path) -> None:
    linked = Linked("duckdb", tmp_path / "lake")
    died = linked.die(linked.link, tmp_path / "copy", 3)
    died.logs()[0].rename(f"{died.link}.wal")
    name = died.name(died.link)
    if FOLLOWS_LINKS:
        with pytest.raises(canvasback.LakeError) as error:
            canvasback.rewind(name, to_snapshot=2, repository=died.repository)
        assert error.value.code == "log-elsewhere"
    else:
        canvasback.rewind(name, to_snapshot=2, repository=died.repository)
    with open_engine(parse_lake(name)).read() as image:
        assert image.head()[0] == (4 if FOLLOWS_LINKS else 2)


def test_a_relative_data_path_is_looked_for_beside_the_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "real")
    lake = Lake(tmp_path / "real", "files/", ("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT i FROM range(10) r(i)")
    (tmp_path / "elsewhere" / "link").symlink_to(lake.catalog)
    monkeypatch.chdir(tmp_path / "elsewhere")
    result = canvasback.check("ducklake:link")
    assert (result.findings, result.data_path) == ((), str(tmp_path / "real" / "files") + "/")


def test_an_attached_lake_through_a_link(linked: Linked) -> None:
    connection = connect()
    try:
        connection.execute(f"ATTACH {literal(linked.name(linked.far))} AS lake ({', '.join(linked.options)})")
        connection.execute("INSERT INTO lake.t VALUES (1)")
        assert canvasback.backup_attached(connection, "lake", linked.repository).snapshot_id == 2
    finally:
        connection.execute("DETACH DATABASE IF EXISTS lake")
        connection.close()
