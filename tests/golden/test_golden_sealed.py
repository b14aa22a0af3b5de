"""The sealed repository of format 4: this release opens it, and so does who has age, b3sum and DuckDB alone."""

from __future__ import annotations

import base64
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import duckdb
import pyrage
import pytest

import canvasback
from canvasback import Secrets, Stores
from tests.golden.contents import heads
from tests.golden.make_sealed import ARCHIVE, EXPECTED

TOLD: dict[str, Any] = json.loads(EXPECTED.read_text())
STORES = Stores(secrets=Secrets([TOLD["identity"]]))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _path: member)
        archive.extractall(tmp_path)  # noqa: S202
    return tmp_path / "repository"


def test_it_is_restored_from_both_sides_of_a_rotation(repo: Path, tmp_path: Path) -> None:
    assert json.loads((repo / "canvasback.json").read_bytes())["format"] == 4
    assert canvasback.verify(str(repo), all_points=True, level="rows", stores=STORES).findings == ()
    for point in TOLD["points"]:
        to = tmp_path / point["point"]
        canvasback.restore(f"ducklake:{to}.ducklake", str(repo), point["point"], data_path=str(to), stores=STORES)
        assert heads(f"ducklake:{to}.ducklake", ()) == point["tables"]


def test_its_passphrase_opens_it(repo: Path) -> None:
    stores = Stores(secrets=Secrets(passphrases=[TOLD["passphrase"]]))
    listed = canvasback.list_points(str(repo), stores=stores).points
    assert [point.point for point in listed] == [point["point"] for point in TOLD["points"]]


def test_backups_and_mirrors_go_on(repo: Path, tmp_path: Path) -> None:
    to = tmp_path / "lake"
    canvasback.restore(f"ducklake:{to}.ducklake", str(repo), data_path=str(to), stores=STORES)
    made = canvasback.backup(f"ducklake:{to}.ducklake", str(repo), stores=STORES)
    assert (made.findings, made.new_files) == ((), 1)  # the one from outside, which is at the data path now
    canvasback.mirror(str(repo), str(tmp_path / "mirror"), stores=STORES)
    assert canvasback.verify(str(tmp_path / "mirror"), all_points=True, level="rows", stores=STORES).findings == ()


def test_it_opens_without_canvasback(repo: Path, tmp_path: Path) -> None:
    """By what docs/format.md says: age's files, keys that b3sum derives, and Parquet that DuckDB reads."""
    keys = json.loads(max((repo / "keys").glob("*.json")).read_bytes())
    identity = pyrage.x25519.Identity.from_str(TOLD["identity"])
    sealed = next(one["sealed"] for one in keys["recipients"] if one["name"] == "ops")
    epochs = json.loads(pyrage.decrypt(sealed.encode(), [identity]))["epochs"]
    assert [epoch["number"] for epoch in epochs] == [1, 2, 3]
    opening = [pyrage.x25519.Identity.from_str(epoch["identity"]) for epoch in epochs]
    for number, point in enumerate(TOLD["points"]):
        document = pyrage.decrypt((repo / "points" / f"{point['point']}.json").read_bytes(), opening)
        name, content = f"points/{point['point']}.json".encode(), document[32:]
        secret = bytes.fromhex(epochs[number]["secret"])
        coded = tmp_path / "coded"
        coded.write_bytes(len(name).to_bytes(8, "big") + name + content)
        assert b3sum(["--keyed", str(coded)], derived(secret, "codes of documents")) == document[:32]
        manifest = json.loads(content)
        snapshots = next(table for table in manifest["tables"] if table["name"] == "ducklake_snapshot")
        assert snapshots["key"] == number + 1
        path = repo / "catalog" / snapshots["chunks"][0]["hash"][:2] / f"{snapshots['chunks'][0]['hash']}.parquet"
        with duckdb.connect() as connection:
            key = base64.b64encode(derived(secret, "Parquet")).decode()
            connection.execute(f"PRAGMA add_parquet_key('k', '{key}')")
            rows = f"read_parquet('{path}', encryption_config = {{footer_key: 'k'}})"
            assert connection.sql(f"SELECT max(snapshot_id) FROM {rows}").fetchone() == (manifest["snapshot_id"],)
        data = next(files for files in manifest["files"] if files["name"] == "data")
        assert data["rows"] == 2
    for copy in (repo / "data").rglob("*.age"):
        content = pyrage.decrypt(copy.read_bytes(), opening)
        assert (content[:4], str(len(content))) == (b"PAR1", copy.name.split(".")[1])


def derived(secret: bytes, purpose: str) -> bytes:
    return b3sum(["--derive-key", f"canvasback repository format 4, {purpose}"], secret)


def b3sum(arguments: list[str], given: bytes) -> bytes:
    """What it prints: of standard input, or keyed with it."""
    ended = subprocess.run(["b3sum", "--no-names", *arguments], input=given, capture_output=True, check=True)
    return bytes.fromhex(ended.stdout.decode().strip())
