"""Each single damage of a file, or of the catalog's row of one, is named at its level, and nothing else is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import open_engine
from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import Edit, edited
from canvasback.checks import WantedFiles, catalog_repairs, check_files, stray_files
from canvasback.datapath.damaged_file import DamagedFile
from canvasback.model.lake import parse_lake
from canvasback.model.level import CheckLevel
from canvasback.model.relation import Relation
from canvasback.repository.filelist import CHECKSUM, files_relation
from canvasback.repository.points import find_point, read_point
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from tests.lake.builder import Lake
from tests.lake.saved import ENGINES, Engine, attach_string
from tests.postgres import Server

LEVELS = ["exists", "footers", "rows"]


@dataclass
class Made:
    """A lake that was built once; tests damage copies of its files, and edited images of its catalog."""

    lake: Lake
    image: Image

    def file(self, kind: str, condition: str = "true") -> tuple[int, int, str]:
        """The id, the table and the path of the first file of a kind for which a condition holds."""
        table = {"data": "ducklake_data_file", "delete": "ducklake_delete_file"}[kind]
        [(id_, table_id, path)] = self.image.rows(
            f"SELECT f.{kind}_file_id, f.table_id, s.path || t.path || f.path FROM {{{table}}} f "
            "JOIN {ducklake_table} t USING (table_id) JOIN {ducklake_schema} s USING (schema_id) "
            f"WHERE {condition} ORDER BY 1 LIMIT 1"
        )
        return int(id_), int(table_id), str(path)


def build(folder: Path, attach: str, *options: str) -> Lake:
    """Two tables with data files of many types, partitions, deleted rows and rows that were updated."""
    lake = Lake(folder, elsewhere=attach, options=("DATA_INLINING_ROW_LIMIT 0", *options))
    lake.run(
        "CREATE TABLE lake.t (i BIGINT, s VARCHAR, d DATE, f DOUBLE, n STRUCT(a INTEGER, b VARCHAR[]))",
        "INSERT INTO lake.t SELECT i, 'word ' || i, DATE '2026-01-01' + i::INTEGER, i / 3, {'a': i, 'b': ['x']} "
        "FROM range(5000) r(i)",
        "INSERT INTO lake.t SELECT i, 'word ' || i, DATE '2026-01-01', i / 3, NULL FROM range(5000, 5100) r(i)",
        "CREATE TABLE lake.u (k INTEGER, v VARCHAR)",
        "ALTER TABLE lake.u SET PARTITIONED BY (k)",
        "INSERT INTO lake.u SELECT i % 2, 'v' || i FROM range(100) r(i)",
        "DELETE FROM lake.t WHERE i % 100 = 7 AND i < 5000",
        "DELETE FROM lake.t WHERE i = 5050",
        "UPDATE lake.u SET v = 'new' WHERE v = 'v10'",
    )
    return lake


def image_of(attach: str) -> Image:
    """A catalog as a check sees it."""
    return in_dialect(open_engine(parse_lake(attach)).read(), "duckdb")


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[Callable[[Engine], Made]]:
    """Build the lake in an engine the first time that it is asked for."""
    with ExitStack() as open_images:

        def make(engine: Engine) -> Made:
            folder = tmp_path_factory.mktemp(engine)
            lake = build(folder / "lake", attach_string(engine, folder, postgres))
            return Made(lake, open_images.enter_context(image_of(lake.attach)))

        yield cache(make)


@pytest.fixture(params=ENGINES)
def made(request: pytest.FixtureRequest, made_once: Callable[[Engine], Made]) -> Made:
    """The lake in each engine."""
    return made_once(request.param)


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The lake encrypted."""
    folder = tmp_path_factory.mktemp("encrypted")
    lake = build(folder / "lake", f"ducklake:{folder}/main.ducklake", "ENCRYPTED")
    with image_of(lake.attach) as image:
        yield Made(lake, image)


@pytest.fixture
def data(made: Made, tmp_path: Path) -> Path:
    """A copy of the lake's files."""
    return Path(shutil.copytree(made.lake.data, tmp_path / "data"))


def told(image: Image, data: Path, level: str, **options: Any) -> list[DamagedFile]:
    """What a check finds."""
    root = f"{data}/"
    return list(check_files(WantedFiles(image, root, **options), root, Run.begin(jobs=2), CheckLevel(level)))


def see(image: Image, data: Path, first: str, code: str, file: tuple[int, int], *, lost: bool = True) -> None:
    """Nothing is told below a level, and from there on exactly one file, whose code may tell more at higher ones."""
    for level in LEVELS:
        found = told(image, data, level)
        if LEVELS.index(level) < LEVELS.index(first):
            assert found == []
            continue
        assert [(d.file_id, d.table_id) for d in found] == [file], found
        if level != "exists" or first == "exists":
            assert found[0].place.startswith(f"{data}/")
        if level == first or first != "exists":
            assert (found[0].kind.code, found[0].lost) == (code, lost), found


def cut(size: int) -> Callable[[Path], None]:
    """Shorten a file to a size, or by it where it is negative."""

    def do(path: Path) -> None:
        content = path.read_bytes()
        path.write_bytes(content[:size])

    return do


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def change(at: int, new: bytes) -> Callable[[Path], None]:
    """Overwrite bytes, at a place counted from the end where it is negative."""

    def do(path: Path) -> None:
        content = bytearray(path.read_bytes())
        place = at if at >= 0 else len(content) + at
        content[place : place + len(new)] = new
        path.write_bytes(bytes(content))

    return do


def zeros(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def broken_footer(path: Path) -> None:
    content = bytearray(path.read_bytes())
    footer = int.from_bytes(content[-8:-4], "little")
    content[-8 - footer : -8] = b"\xff" * footer
    path.write_bytes(bytes(content))


def link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


BY_FILE: dict[str, tuple[str, str, Callable[[Path], None]]] = {
    "deleted": ("exists", "file-missing", Path.unlink),
    "a folder in its place": ("exists", "file-missing", folder_in_its_place),
    "a link to itself": ("exists", "file-unreadable", link_to_itself),
    "0 bytes": ("exists", "file-size", cut(0)),
    "cut in half": ("exists", "file-size", half),
    "the last byte lost": ("exists", "file-size", cut(-1)),
    "longer": ("exists", "file-size", longer),
    "zeros": ("footers", "not-parquet", zeros),
    "wrong magic": ("footers", "not-parquet", change(-4, b"PAR9")),
    "footer longer than the file": ("footers", "not-parquet", change(-8, b"\xff\xff\xff\x7f")),
    "footer of no length": ("footers", "not-parquet", change(-8, b"\0\0\0\0")),
    "footer overwritten": ("footers", "not-parquet", broken_footer),
    "encrypted magic": ("footers", "encryption-key", change(-4, b"PARE")),
    "a page overwritten": ("rows", "rows-unreadable", change(4, b"\xff" * 40)),
}


IN_EACH_ENGINE = ["the last byte lost", "footer overwritten", "a page overwritten"]
"""One of each level. The catalog's numbers come from the engine, and what is wrong with a file does not."""


@pytest.mark.parametrize("kind", ["data", "delete"])
@pytest.mark.parametrize(
    ("made", "damage"),
    [
        pytest.param(engine, damage, id=f"{engine}-{damage}")
        for engine in ENGINES
        for damage in (BY_FILE if engine == "duckdb" else IN_EACH_ENGINE)
    ],
    indirect=["made"],
)
def test_a_damaged_file_is_named(made: Made, data: Path, damage: str, kind: str) -> None:
    level, code, do = BY_FILE[damage]
    id_, table, path = made.file(kind)

    do(data / path)

    see(made.image, data, level, code, (id_, table), lost=code != "encryption-key")


BY_ROW: dict[str, tuple[str, str, str, str, str, str, bool]] = {
    "record_count too high": ("data", "true", "record_count", "record_count + 1", "footers", "row-count", False),
    "record_count too low": ("data", "true", "record_count", "10", "footers", "row-count", False),
    "delete_count": ("delete", "true", "delete_count", "delete_count - 1", "footers", "row-count", False),
    "footer_size": ("data", "true", "footer_size", "footer_size + 1", "footers", "footer-size", False),
    "footer_size of a delete file": ("delete", "true", "footer_size", "1", "footers", "footer-size", False),
    "file_size_bytes": ("data", "true", "file_size_bytes", "file_size_bytes + 1", "exists", "file-size", True),
    "path": ("data", "true", "path", "'nowhere.parquet'", "exists", "file-missing", True),
    "key": ("data", "true", "encryption_key", "'AAAAAAAAAAAAAAAAAAAAAA=='", "footers", "encryption-key", True),
}


@pytest.mark.parametrize("damage", BY_ROW)
def test_a_wrong_row_of_a_file_is_named(made: Made, damage: str) -> None:
    kind, condition, column, value, level, code, lost = BY_ROW[damage]
    id_, table, _ = made.file(kind, condition)
    image = edited(
        made.image, [Edit(f"ducklake_{kind}_file", where=f"{kind}_file_id = {id_}", changes={column: value})]
    )

    see(image, made.lake.data, level, code, (id_, table), lost=lost)


STATISTICS: dict[str, tuple[int, str, str]] = {
    "maximum of integers": (1, "max_value", "'4998'"),
    "minimum of integers": (1, "min_value", "'1'"),
    "maximum as text": (1, "max_value", "'999'"),
    "maximum of texts": (2, "max_value", "'word 0'"),
    "minimum of dates": (3, "min_value", "'2026-01-02'"),
    "maximum of numbers": (4, "max_value", "'7.5'"),
    "maximum of a nested column": (6, "max_value", "'3'"),
}


@pytest.mark.parametrize("damage", STATISTICS)
def test_statistics_that_hide_rows_are_named_and_mended(made: Made, damage: str) -> None:
    column, changed, value = STATISTICS[damage]
    id_, table, _ = made.file("data")
    where = f"data_file_id = {id_} AND column_id = {column}"
    image = edited(made.image, [Edit("ducklake_file_column_stats", where=where, changes={changed: value})])

    see(image, made.lake.data, "footers", "statistics-hide-rows", (id_, table), lost=False)

    [(_, _, _, edits)] = catalog_repairs(image, told(image, made.lake.data, "footers"))
    assert told(edited(image, edits), made.lake.data, "rows") == []


def test_a_number_of_nulls_that_hides_rows_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT CASE WHEN i > 5 THEN i END AS i FROM range(10) r(i)")
    with image_of(lake.attach) as image:
        wrong = edited(image, [Edit("ducklake_file_column_stats", where="true", changes={"null_count": "0"})])
        assert [d.kind.code for d in told(wrong, lake.data, "footers")] == ["statistics-hide-rows"]
        wider = edited(image, [Edit("ducklake_file_column_stats", where="true", changes={"max_value": "'99'"})])
        assert told(wider, lake.data, "rows") == []


def test_a_nan_that_statistics_hide_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT CASE WHEN i > 5 THEN 'nan'::DOUBLE ELSE i END AS f FROM range(10) r(i)")
    with image_of(lake.attach) as image:
        assert told(image, lake.data, "rows") == []
        wrong = edited(image, [Edit("ducklake_file_column_stats", where="true", changes={"contains_nan": "false"})])
        assert [d.kind.code for d in told(wrong, lake.data, "rows")] == ["statistics-hide-rows"]
        [(_, _, _, edits)] = catalog_repairs(wrong, told(wrong, lake.data, "rows"))
        assert told(edited(wrong, edits), lake.data, "rows") == []


@pytest.mark.parametrize("column", ["footer_size", "file_size_bytes"])
def test_a_row_that_is_wrong_alone_is_mended(made: Made, column: str) -> None:
    id_, _, _ = made.file("data")
    change_ = Edit("ducklake_data_file", where=f"data_file_id = {id_}", changes={column: f"{column} + 3"})
    image = edited(made.image, [change_])
    damaged = told(image, made.lake.data, "footers")
    assert [d.lost for d in damaged] == [False]

    [(_, _, _, edits)] = catalog_repairs(image, damaged)

    mended = edited(image, edits)
    assert mended.rows("FROM {ducklake_data_file} f ORDER BY 1") == made.image.rows(
        "FROM {ducklake_data_file} f ORDER BY 1"
    )


def padded(content: bytes, size: int) -> bytes:
    """The same Parquet file, so many bytes long: readers do not mind bytes before the footer."""
    footer = int.from_bytes(content[-8:-4], "little") + 8
    assert size >= len(content)
    return content[:-footer] + bytes(size - len(content)) + content[-footer:]


@pytest.mark.parametrize("same_size", [True, False])
def test_a_file_of_another_table_in_its_place_is_named(made: Made, data: Path, *, same_size: bool) -> None:
    id_, table, path = made.file("data", "t.table_name = 't'")
    _, _, other = made.file("data", "t.table_name = 'u'")
    size = (data / path).stat().st_size
    content = (data / other).read_bytes()
    (data / path).write_bytes(padded(content, size) if same_size else content)

    level: str = "footers" if same_size else "exists"
    see(made.image, data, level, "row-count" if same_size else "file-size", (id_, table))


def test_a_file_of_another_partition_in_its_place_is_named(made: Made, data: Path) -> None:
    id_, table, path = made.file("data", "t.table_name = 'u'")
    _, _, other = made.file("data", f"t.table_name = 'u' AND f.data_file_id > {id_}")
    content = (data / other).read_bytes()
    (data / path).write_bytes(content)
    size = f"(SELECT {len(content)})"
    change_ = Edit("ducklake_data_file", where=f"data_file_id = {id_}", changes={"file_size_bytes": size})
    image = edited(made.image, [change_])

    see(image, data, "footers", "partition-value", (id_, table))


def test_a_delete_file_of_another_data_file_is_named(made: Made) -> None:
    id_, table, _ = made.file("delete", "t.table_name = 't'")
    [(other,)] = made.image.rows(f"SELECT max(data_file_id) FROM {{ducklake_data_file}} f WHERE table_id = {table}")
    change_ = Edit("ducklake_delete_file", where=f"delete_file_id = {id_}", changes={"data_file_id": str(other)})

    see(edited(made.image, [change_]), made.lake.data, "footers", "delete-positions", (id_, table))


@pytest.mark.parametrize("twice", [True, False], ids=["twice", "past the end"])
def test_positions_that_cannot_be_are_named(made: Made, data: Path, tmp_path: Path, *, twice: bool) -> None:
    import duckdb  # noqa: PLC0415

    id_, table, path = made.file("delete", "t.table_name = 't'")
    new = tmp_path / "new.parquet"
    pos = "CASE WHEN pos = 7 THEN 107 ELSE pos END" if twice else "CASE WHEN pos = 7 THEN 5000 ELSE pos END"
    duckdb.sql(
        f"COPY (SELECT file_path, {pos} AS pos FROM '{data / path}') TO '{new}' "
        "(FIELD_IDS {file_path: 2147483646, pos: 2147483645})"
    )
    content = new.read_bytes()
    (data / path).write_bytes(content)
    values = {"file_size_bytes": str(len(content)), "footer_size": str(int.from_bytes(content[-8:-4], "little"))}
    image = edited(made.image, [Edit("ducklake_delete_file", where=f"delete_file_id = {id_}", changes=values)])

    see(image, data, "rows" if twice else "footers", "delete-positions", (id_, table))


@pytest.mark.parametrize(
    ("value", "lost"), [("NULL", False), ("'AAAAAAAAAAAAAAAAAAAAAA=='", True)], ids=["no", "wrong"]
)
@pytest.mark.parametrize("kind", ["data", "delete"])
def test_an_encrypted_file_without_its_key_is_named(encrypted: Made, kind: str, value: str, *, lost: bool) -> None:
    id_, table, _ = encrypted.file(kind)
    edit = Edit(f"ducklake_{kind}_file", where=f"{kind}_file_id = {id_}", changes={"encryption_key": value})
    assert told(encrypted.image, encrypted.lake.data, "rows") == []

    image = edited(encrypted.image, [edit])

    see(image, encrypted.lake.data, "footers", "encryption-key", (id_, table), lost=lost)
    if lost:
        assert "AAAA" not in told(image, encrypted.lake.data, "rows")[0].message


def test_many_damaged_files_are_all_named(made: Made, data: Path) -> None:
    paths = sorted(data.rglob("*.parquet"))
    for path in paths[::2]:
        broken_footer(path)

    assert {d.place for d in told(made.image, data, "footers")} == set(map(str, paths[::2]))
    table = made.file("data", "t.table_name = 'u'")[1]
    chosen = told(made.image, data, "footers", tables=frozenset({table}))
    assert chosen
    assert {d.table_id for d in chosen} == {table}


def test_two_checks_of_one_catalog_do_not_disturb_each_other(made: Made, data: Path) -> None:
    run, root = Run.begin(jobs=2), f"{data}/"
    (_, one, gone), (_, other, _) = (made.file("data", f"t.table_name = '{name}'") for name in "tu")
    id_, _, spoilt = made.file("data", "t.table_name = 't' AND f.record_count = 100")
    (data / gone).unlink()
    zeros(data / spoilt)
    first, second = (
        check_files(WantedFiles(made.image, root, tables=[table]), root, run, CheckLevel.ROWS) for table in (one, other)
    )
    assert next(first).place == str(data / gone)
    assert list(second) == []
    assert [(d.file_kind, d.file_id) for d in first if d.place == str(data / spoilt)] == [("data", id_)]


def test_changed_bytes_are_told_by_the_repositorys_checksums(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake", options=("DATA_INLINING_ROW_LIMIT 0",))
    lake.run("CREATE TABLE lake.t AS SELECT 'old content' AS s UNION ALL SELECT 'other' UNION ALL SELECT 'z'")
    lake.backup()
    lake.run("INSERT INTO lake.t VALUES ('later')")
    (victim, _) = lake.files()
    content = victim.read_bytes()
    body = content.index(b"old content")
    victim.write_bytes(content[:body] + b"odd" + content[body + 3 :])
    store = Stores().open(lake.repository)
    with image_of(lake.attach) as image:
        assert told(image, lake.data, "footers") == []
        files = files_relation(image.connection, store, read_point(store, find_point(store, "latest")))
        select = f"SELECT kind, file_id, path, {CHECKSUM} AS checksum FROM ({files.select})"
        held = Relation("held", (), select)

        found = told(image, lake.data, "checksum", held=held)

        assert [(d.kind.code, d.place) for d in found] == [("file-corrupt", str(victim))]
        assert WantedFiles(image, f"{lake.data}/", held=held).not_held() == 1
        victim.write_bytes(content)
        assert told(image, lake.data, "checksum", held=held) == []


def test_unknown_files_are_told_with_the_likely_reason(made: Made, data: Path) -> None:
    head = made.image.head()[1]

    def name(when: datetime) -> str:
        stamp = f"{int(when.timestamp() * 1000):012x}"
        return f"ducklake-{stamp[:8]}-{stamp[8:]}-7000-8000-000000000000.parquet"

    (data / "main/t" / name(head - timedelta(days=2))).write_bytes(b"old")
    (data / "main/t" / name(head + timedelta(hours=2))).write_bytes(b"later")
    (data / "main/t" / name(head + timedelta(hours=9, minutes=40))).write_bytes(b"now")
    (data / "lake.ducklake").write_bytes(b"a catalog")

    found = list(stray_files(made.image, f"{data}/", Run.begin(), head + timedelta(hours=10)))

    assert [(f.code, re.sub(r".*/", "", f.where)) for f in found] == [
        ("foreign-file", "lake.ducklake"),
        ("orphan-file", name(head - timedelta(days=2))),
        ("unknown-commit-file", name(head + timedelta(hours=2))),
        ("file-under-way", name(head + timedelta(hours=9, minutes=40))),
    ]
    assert "2 days old" in found[1].message
    assert told(made.image, data, "rows") == []
