"""Connections to DuckDB: opened in one place, and able to do no more than their step needs."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest

import canvasback
from canvasback.catalog.connections import connect

_SOURCE = Path(canvasback.__file__).parent
_OPENS = re.compile(r"\bduckdb\.(connect|execute|sql|query|cursor|read_\w+|from_\w+|DuckDBPyConnection)\(")


def test_one_module_opens_connections() -> None:
    found = {
        str(path.relative_to(_SOURCE)): line.strip()
        for path in _SOURCE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if _OPENS.search(line)
    }
    assert found == {"catalog/connections.py": 'connection = duckdb.connect(":memory:", config=config)'}


@pytest.mark.parametrize("reach", [None, ()])
def test_no_connection_loads_or_fetches_by_itself(reach: tuple[str, ...] | None, tmp_path: Path) -> None:
    with connect(str(tmp_path), reach=reach) as connection:
        asked = "SELECT name, value FROM duckdb_settings() WHERE name IN (SELECT unnest($1))"
        names = ["autoinstall_known_extensions", "autoload_known_extensions", "allow_community_extensions"]
        assert dict(connection.execute(asked, [names]).fetchall()) == dict.fromkeys(names, "false")
        secret = 1
        with pytest.raises(duckdb.CatalogException):
            connection.execute("SELECT * FROM secret")
        assert secret


def test_a_connection_reaches_only_its_folders(tmp_path: Path) -> None:
    spill, mine, other = tmp_path / "spill", tmp_path / "mi[n]e 'é", tmp_path / "other"
    for folder in (spill, mine, other):
        folder.mkdir()
    (other / "secret.csv").write_text("a\n1\n", encoding="utf-8")
    with connect(str(spill), reach=[str(mine)]) as connection:
        target = str(mine / "x.parquet").replace("'", "''")
        connection.execute(f"COPY (SELECT 1 AS a) TO '{target}' (FORMAT parquet)")
        connection.execute(f"ATTACH '{str(mine / 'x.duckdb').replace(chr(39), chr(39) * 2)}' AS x")
        connection.execute("CREATE TABLE x.t AS SELECT range AS i FROM range(1000)")
        for statement in (
            f"COPY (SELECT 1) TO '{other}/x.csv'",
            f"SELECT * FROM read_csv('{other}/secret.csv')",
            f"SELECT * FROM read_text('{mine}/../other/secret.csv')".replace("'é", "''é"),
            f"ATTACH '{other}/x.duckdb'",
            f"EXPORT DATABASE x TO '{other}/all'",
            "SELECT * FROM glob('/etc/*')",
            "INSTALL httpfs",
            f"LOAD '{other}/x.duckdb_extension'",
            "SET enable_external_access = true",
            "SET lock_configuration = false",
            "SET allowed_directories = ['/']",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
    assert sorted(path.name for path in other.iterdir()) == ["secret.csv"]


def test_a_connection_without_a_reach_has_no_files_at_all(tmp_path: Path) -> None:
    with connect(None, threads=1, reach=()) as connection:
        assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        with pytest.raises(duckdb.Error):
            connection.execute(f"COPY (SELECT 1) TO '{tmp_path}/x.csv'")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ordered", [True, False])
def test_it_says_whether_rows_keep_their_order(*, ordered: bool) -> None:
    with connect(None, ordered=ordered) as connection:
        assert connection.execute("SELECT current_setting('preserve_insertion_order')").fetchall() == [(ordered,)]
