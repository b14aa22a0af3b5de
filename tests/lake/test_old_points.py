"""Points of format 2 hold the text of inlined variants: who reads them says so, and the next backup mends it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
from blake3 import blake3

import canvasback
from tests.lake.builder import Lake, session

LOST = {"variant-as-text": 1}


def as_text(repository: Path, point: str) -> None:
    """Make of a point what a release before format 3 would have written: a chunk with text, and no `forms`."""
    path = repository / "points" / f"{point}.json"
    manifest: dict[str, Any] = json.loads(path.read_text())
    manifest["format"] = 2
    for table in manifest["tables"]:
        if table.pop("forms", None):
            [chunk] = table["chunks"]
            held = repository / "catalog" / chunk["hash"][:2] / f"{chunk['hash']}.parquet"
            written = repository / "text.parquet"
            duckdb.execute(f"COPY (SELECT * REPLACE (v::VARCHAR AS v) FROM '{held}') TO '{written}'")
            content = written.read_bytes()
            chunk["hash"], chunk["bytes"] = blake3(content).hexdigest(), len(content)
            target = repository / "catalog" / chunk["hash"][:2] / f"{chunk['hash']}.parquet"
            target.parent.mkdir(exist_ok=True)
            written.rename(target)
    text = json.dumps(manifest | {"self": "0" * 64}, separators=(",", ":"))
    path.write_text(text.replace("0" * 64, blake3(text.encode()).hexdigest(), 1))


def test_they_say_what_they_lost(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.run("CREATE TABLE lake.t (i INTEGER, v VARIANT)", "INSERT INTO lake.t VALUES (1, 1::VARIANT), (2, NULL)")
    point = lake.backup().point
    as_text(Path(lake.repository), point)

    verified = canvasback.verify(lake.repository, level="checksum")
    assert verified.finding_counts == LOST
    assert verified.findings[0].where == "main.t.v"
    restored = f"ducklake:{tmp_path}/restored.ducklake"
    assert canvasback.restore(restored, lake.repository, data_path=str(tmp_path / "data")).finding_counts == LOST
    attached = canvasback.attach(lake.repository, out=str(tmp_path / "attached.ducklake"))
    assert attached.finding_counts == LOST
    for attach in (restored, f"ducklake:{attached.file}"):
        with session(attach, "READ_ONLY") as connection:
            asked = "SELECT v::VARCHAR, variant_typeof(v) FROM lake.t ORDER BY i"
            assert connection.execute(asked).fetchall() == [("1", "VARCHAR"), (None, "VARIANT_NULL")]

    lake.backup()  # it takes no chunk of the old point for the same
    assert canvasback.verify(lake.repository).findings == ()
    mended = f"ducklake:{tmp_path}/mended.ducklake"
    canvasback.restore(mended, lake.repository, data_path=str(tmp_path / "data"))
    with session(mended, "READ_ONLY") as connection:
        assert connection.execute("SELECT variant_typeof(v) FROM lake.t WHERE i = 1").fetchall() == [("INT32",)]
