"""check as a user meets it: what it says, how it leaves, the page that it draws, and that it never writes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from canvasback.model.results.check import CheckResult
from tests.cli.running import Place, fail, fails, tree
from tests.cli.test_commands import answered
from tests.contract.privileges import give_up_passing
from tests.lake.builder import Lake

LAKE = "lake/main.ducklake"
STRAY = "ducklake-01a00000-0000-7000-8000-000000000000.parquet"
VOID = {"meta", "link", "img", "br", "hr", "input"}


def data_files(place: Place, sql: str) -> list[Path]:
    """The files of rows of `ducklake_data_file` below the data path."""
    with duckdb.connect(str(place.catalog), read_only=True) as connection:
        rows = connection.execute(
            "SELECT s.path || t.path || f.path FROM ducklake_data_file f JOIN ducklake_table t USING (table_id) "
            f"JOIN ducklake_schema s USING (schema_id) WHERE f.path_is_relative AND {sql} ORDER BY f.data_file_id"
        ).fetchall()
    return [place.lake / "data" / path for (path,) in rows]


def damage(place: Place) -> tuple[Path, Path, Path]:
    """Lose a file, cut another one, and let an old one lie around."""
    gone, *_ = data_files(place, "t.table_name = 't'")
    cut, *_ = data_files(place, "t.table_name = 'parts'")
    stray = place.lake / "data" / "s" / "t" / STRAY
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-5])
    stray.write_bytes(b"left by somebody")
    return gone, cut, stray


class Page(HTMLParser):
    """What is on a page. Fails where its tags do not close as they opened.

    Attributes:
        rows: The cells of each row of its tables.
        pictures: The classes of the bars of each picture.
        attributes: All attributes of all tags.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.pictures: list[list[str]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
        elif tag == "svg":
            self.pictures.append([])
        elif tag == "rect":
            self.pictures[-1].append(dict(attrs)["class"] or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self._open and "title" not in self._open:
            self.rows[-1][-1] += data.strip()

    @property
    def script(self) -> list[str]:
        """Tags that run something or fetch something."""
        return [
            f"{tag} {name}={value}"
            for tag, name, value in self.attributes
            if tag in {"script", "link", "img", "iframe"} or name in {"src", "href"} or name.startswith("on")
        ]


def test_a_sound_lake(place: Place) -> None:
    ran = place.run("check", LAKE)
    assert (ran.code, ran.err) == (0, "")
    head, where, looked = ran.out.splitlines()
    assert head.startswith("ducklake:lake/main.ducklake at snapshot 14 of ")
    assert head.endswith(": sound")
    assert where == f"  DuckLake 1.0 in duckdb, data path {place.lake}/data/"
    assert looked.startswith("  level footers, 11 files (")
    assert looked.endswith("; nothing was changed")


def test_each_finding_is_named_with_its_table_and_file(place: Place) -> None:
    gone, cut, stray = damage(place)
    ran = place.run("check", LAKE, "--html", "page.html")
    assert (ran.code, ran.err) == (3, "")
    head, *_ = ran.out.splitlines()
    assert head.endswith(": damaged: 2 files lost or unreadable")
    assert "\ns.parts  3      1     40    5          X··\n" in ran.out
    assert "\ns.t      5      1     64    17         X····\n" in ran.out
    assert "\n3 findings: 1 file-missing, 1 file-size, 1 orphan-file\n" in ran.out
    size = cut.stat().st_size
    assert f"\n  error: {gone}: is missing [file-missing]\n" in ran.out
    assert f"\n  error: {cut}: has {size} bytes, and the catalog says {size + 5} [file-size]\n" in ran.out
    assert f"\n  warning: {stray}: is " in ran.out
    assert "\n  hint: Run heal with a repository, a replica of the data path" in ran.out

    result: CheckResult = answered(place.run("check", LAKE, "--json"), "check", 3)
    assert {(f.code, f.table, f.where) for f in result.findings} == {
        ("file-missing", "s.t", str(gone)),
        ("file-size", "s.parts", str(cut)),
        ("orphan-file", "", str(stray)),
    }
    assert [(t.schema, t.table, t.lost, t.rows_lost, t.findings) for t in result.tables] == [
        ("s", "parts", 1, 5, 1),
        ("s", "t", 1, 17, 1),
    ]

    page = Page((place.folder / "page.html").read_text())
    assert page.script == []
    tables = [row for row in page.rows if len(row) == 7 and row[0].startswith("s.")]
    assert [(row[0], row[2:]) for row in tables] == [
        ("s.parts", ["3", "1", "40", "5", "1"]),
        ("s.t", ["5", "1", "64", "17", "1"]),
    ]
    assert page.pictures == [["lost", "sound", "sound"], ["lost", "sound", "sound", "sound", "sound"]]
    assert {(row[1], row[2], row[3]) for row in page.rows if row[0] in {"error", "warning"}} == {
        (f.code, f.table, f.where) for f in result.findings
    }


def test_the_page_of_a_lake_with_odd_names(tmp_path: Path) -> None:
    place = Place(tmp_path)
    odd = '</td><script src="http://x/">&amp;\'"'
    name = '"' + odd.replace('"', '""') + '"'
    lake = Lake(place.lake, options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run(
        f"CREATE SCHEMA lake.{name}",
        f"CREATE TABLE lake.{name}.{name} AS SELECT i, '&' AS {name} FROM range(9) r(i)",
        "CREATE TABLE lake.dropped AS SELECT 1 AS i",
        "CREATE TABLE lake.empty (i INTEGER)",
        "DROP TABLE lake.dropped",
    )
    for path in lake.files():
        path.write_bytes(b"")

    ran = place.run("check", LAKE, "--html", "page.html")

    assert ran.code == 3
    text = (place.folder / "page.html").read_text()
    assert "http://x/" in text  # only as a text that is shown
    page = Page(text)
    assert page.script == []
    assert [row[0] for row in page.rows if len(row) == 7 and row[0]] == [
        f"{odd}.{odd}",
        "main.dropped(dropped)",
        "main.empty",
    ]
    assert page.pictures == [["lost"], ["lost"], ["sound"]]
    assert {row[2] for row in page.rows if row[0] == "error"} == {f"{odd}.{odd}", "main.dropped"}


def test_the_page_of_a_sound_lake(place: Place) -> None:
    ran = place.run("check", LAKE, "--level", "catalog", "--html", "page.html", "--json")
    assert ran.code == 0
    page = Page((place.folder / "page.html").read_text())
    assert page.pictures == [["sound"], ["sound"]]
    assert "Nothing was found." in (place.folder / "page.html").read_text()


def test_a_page_that_cannot_be_written(place: Place) -> None:
    (place.folder / "page.html").write_text("mine")
    assert "page.html" in fails(place, 4, "target-not-empty", "check", LAKE, "--html", "page.html")
    assert "no/page.html" in fails(place, 1, "storage-failed", "check", LAKE, "--html", "no/page.html")
    assert "page.html" in fails(place, 1, "storage-failed", "check", LAKE, "--html", "lake/main.ducklake/page.html")
    assert (place.folder / "page.html").read_text() == "mine"
    closed = place.folder / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    said = fails(place, 1, "access-denied", "check", LAKE, "--html", "closed/page.html", preexec=give_up_passing)
    assert "closed/page.html" in said
    closed.chmod(0o755)


def test_only_a_table_or_the_tables_of_a_schema(place: Place) -> None:
    gone, cut, _ = damage(place)
    codes = {}
    for table in ("s.t", '"s".PARTS', "s"):
        result: CheckResult = answered(place.run("check", LAKE, "--table", table, "--json"), "check", 3)
        codes[table] = {f.where for f in result.findings}
    assert codes == {"s.t": {str(gone)}, '"s".PARTS': {str(cut)}, "s": {str(gone), str(cut)}}
    shutil.copytree(place.repo / "data", place.lake / "data", dirs_exist_ok=True)
    assert place.run("check", LAKE, "--table", "s").code == 0
    ran = place.run("check", LAKE)  # the stray is of no table
    assert ran.code == 3
    assert ran.out.splitlines()[0].endswith(": sound, with warnings")


def test_what_makes_no_sense(place: Place) -> None:
    assert "s.none" in fails(place, 4, "table-not-there", "check", LAKE, "--table", "s.none")
    fail(
        place, 2, "no-repository",
        [("check", LAKE, "--level", "checksum"), ("heal", LAKE, "--level", "checksum")],
    )  # fmt: skip
    fail(place, 2, "table-name", [("check", LAKE, "--table", "a.b.c"), ("check", LAKE, "--table", "")])
    fail(place, 1, "catalog-missing", [("check", "nowhere.ducklake"), ("heal", "nowhere.ducklake")])
    fail(place, 1, "not-a-repository", [("check", LAKE, "-r", "lake"), ("heal", LAKE, "-r", "lake")])


def test_a_flipped_byte_is_found_by_its_checksum_alone(place: Place) -> None:
    victim, *_ = data_files(place, "t.table_name = 't'")
    content = bytearray(victim.read_bytes())
    content[30] ^= 1  # in the first page
    victim.write_bytes(content)
    assert place.run("check", LAKE, "-r", "repo").code == 0
    result: CheckResult = answered(place.run("check", LAKE, "-r", "repo", "--level", "checksum", "--json"), "check", 3)
    assert [(f.code, f.table, f.where) for f in result.findings] == [("file-corrupt", "s.t", str(victim))]
    assert result.unknown_checksums == 0
    # The repository can be named where all commands find it.
    assert place.run("check", LAKE, "--level", "checksum", CANVASBACK_REPO="repo").code == 3


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of the last change of everything below a folder, its folders too."""
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]}


def test_check_writes_nothing(place: Place) -> None:
    damage(place)
    before = tree(place.folder), stamps(place.folder)
    for level in ("rows", "checksum"):
        assert place.run("check", LAKE, "-r", "repo", "--level", level).code == 3
    assert (tree(place.folder), stamps(place.folder)) == before


def test_whoever_may_only_read_can_check(place: Place) -> None:
    folders = [path for path in [place.lake, *place.lake.rglob("*")] if path.is_dir()]
    place.catalog.chmod(0o444)
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert place.run("check", LAKE, "--level", "rows", preexec=give_up_passing).code == 0
    finally:
        for folder in folders:
            folder.chmod(0o755)


@contextmanager
def writing(attach: str, data: Path) -> Iterator[Callable[[], None]]:
    """A process that has committed to a lake, has it attached, and can be told to commit once more."""
    script = (
        "import sys\n"
        "from tests import extension\n"
        f"c = extension.for_lake('{attach}')\n"
        f"c.execute(\"ATTACH '{attach}' AS lake (DATA_PATH '{data}/', DATA_INLINING_ROW_LIMIT 0)\")\n"
        "for line in sys.stdin:\n"
        "    c.execute(line)\n"
        "    print('done', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        into, out = process.stdin, process.stdout

        def commit() -> None:
            into.write("INSERT INTO lake.t SELECT i FROM range(10) r(i)\n")
            into.flush()
            assert out.readline() == "done\n"

        commit()
        yield commit
        process.stdin.close()


@pytest.mark.parametrize("engine", ["duckdb", "sqlite"])
def test_a_lake_that_a_writer_has_open_can_be_checked(engine: str, tmp_path: Path) -> None:
    """A file in DuckDB is locked by its writer: check reads a copy of it, and does not take part."""
    place = Place(tmp_path)
    lake = Lake(place.lake)
    if engine == "sqlite":
        lake.elsewhere = f"ducklake:sqlite:{place.lake}/main.db"
    lake.run("CREATE TABLE lake.t (i INTEGER)")
    with writing(lake.attach, lake.data) as commit:
        first: CheckResult = answered(place.run("check", lake.attach, "--json"), "check")
        commit()
        second: CheckResult = answered(place.run("check", lake.attach, "--level", "rows", "--json"), "check")
        lake.files()[0].unlink()
        assert place.run("check", lake.attach).code == 3
        commit()
    assert (first.files, second.files) == (1, 2)
    assert second.snapshot_id == first.snapshot_id + 1
    assert {table.rows for table in second.tables} == {20}


def test_a_catalog_that_cannot_be_read(place: Place) -> None:
    place.catalog.chmod(0)
    denied = place.run("check", LAKE, "--json", preexec=give_up_passing)
    place.catalog.chmod(0o644)
    assert (denied.code, denied.document["code"]) == (1, "access-denied")
    os.truncate(place.catalog, 5000)
    ran = place.run("check", LAKE, "--json")
    assert ran.code == 1
    assert ran.document["code"] == "catalog-unreadable"
    with sqlite3.connect(place.folder / "other.db") as database:
        database.execute("CREATE TABLE t (i INTEGER)")
    assert "other.db" in fails(place, 1, "not-a-ducklake", "check", "ducklake:sqlite:other.db")
