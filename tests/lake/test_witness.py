"""A witness at a second place: an old state of a repository, or another one in its place, does not pass for it."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

import canvasback
from canvasback import Secrets, Stores
from tests.clouds import cloud
from tests.lake.builder import Lake
from tests.sealing import Person


def grow(lake: Lake) -> None:
    lake.run("CREATE TABLE IF NOT EXISTS lake.w (i INTEGER)", "INSERT INTO lake.w SELECT count(*) FROM lake.w")


def test_an_old_state_of_a_repository_is_noticed(tmp_path: Path) -> None:
    lake, witness = Lake(tmp_path / "lake"), str(tmp_path / "witness")
    grow(lake)
    canvasback.init(lake.attach, lake.repository)

    def backup() -> tuple[str, tuple[str, ...]]:
        made = canvasback.backup(lake.attach, lake.repository, witness=witness)
        return made.point, tuple(made.finding_counts)

    assert backup()[1] == ()
    shutil.copytree(lake.repository, tmp_path / "old")
    for _ in range(4):
        grow(lake)
        newest, codes = backup()
        assert codes == ()
    assert len(list(Path(witness).rglob("*.json"))) == 3
    assert not canvasback.verify(lake.repository, witness=witness).findings
    assert canvasback.backup(lake.attach, lake.repository, only_new=True, witness=witness).point == newest

    shutil.rmtree(lake.repository)
    shutil.copytree(tmp_path / "old", lake.repository)
    known = {path: path.read_bytes() for path in Path(witness).rglob("*.json")}
    [found] = canvasback.verify(lake.repository, all_points=True, witness=witness).findings
    assert (found.code, newest in found.message) == ("rolled-back", True)
    to = f"{tmp_path}/b"
    back = canvasback.restore(f"ducklake:{to}.ducklake", lake.repository, data_path=to, witness=witness)
    assert "rolled-back" in back.finding_counts
    foretold = canvasback.backup(lake.attach, lake.repository, witness=witness, dry_run=True)
    assert foretold.finding_counts == {"rolled-back": 1}
    # Each new backup says so again: that one is newer does not make good what is gone, and the witness holds to that.
    assert backup()[1] == ("rolled-back",)
    assert {path: path.read_bytes() for path in Path(witness).rglob("*.json")} == known


def test_another_repository_in_its_place_is_noticed(tmp_path: Path) -> None:
    lake, witness, owner = Lake(tmp_path / "lake"), str(tmp_path / "witness"), Person()
    grow(lake)
    canvasback.init(lake.attach, lake.repository, recipients={"ops": owner.key}, seal_data=True)
    canvasback.backup(lake.attach, lake.repository, witness=witness, stores=owner.stores)
    canvasback.key_rotate(lake.repository, stores=owner.stores)
    assert not canvasback.verify(lake.repository, witness=witness, stores=owner.stores).findings

    # Whoever can write there, and knows for whom it is sealed, makes one of his own with its id.
    marker = json.loads(Path(lake.repository, "canvasback.json").read_bytes())
    shutil.rmtree(lake.repository)
    canvasback.init(lake.attach, lake.repository, recipients={"ops": owner.key}, seal_data=True)
    forged = json.loads(Path(lake.repository, "canvasback.json").read_bytes())
    for path in Path(witness).rglob("*.json"):
        path.write_bytes(path.read_bytes().replace(marker["repository_id"].encode(), forged["repository_id"].encode()))
    Path(witness, marker["repository_id"]).rename(Path(witness, forged["repository_id"]))
    made = canvasback.backup(lake.attach, lake.repository, witness=witness, stores=owner.stores)
    assert dict(made.finding_counts) == {"rolled-back": 1, "keys-differ": 1}
    verified = canvasback.verify(lake.repository, witness=witness, stores=owner.stores)
    assert dict(verified.finding_counts) == {"keys-differ": 1}


def test_a_witness_that_knows_nothing_says_so(tmp_path: Path) -> None:
    lake, witness = Lake(tmp_path / "lake"), tmp_path / "witness"
    grow(lake)
    lake.backup()
    assert dict(canvasback.verify(lake.repository, witness=str(witness)).finding_counts) == {"witness-silent": 1}
    canvasback.backup(lake.attach, lake.repository, witness=str(witness))
    [told] = witness.rglob("*.json")
    told.write_bytes(told.read_bytes()[:9])
    assert dict(canvasback.verify(lake.repository, witness=str(witness)).finding_counts) == {"witness-unreadable": 1}


def test_a_witness_that_is_out_of_reach_keeps_no_point_away(tmp_path: Path) -> None:
    lake, nowhere = Lake(tmp_path / "lake"), tmp_path / "nowhere"
    grow(lake)
    canvasback.init(lake.attach, lake.repository)
    nowhere.write_bytes(b"no folder")
    made = canvasback.backup(lake.attach, lake.repository, witness=f"{nowhere}/w")
    assert (made.made, dict(made.finding_counts)) == (True, {"witness-unreached": 1})
    assert [one.point for one in canvasback.list_points(lake.repository).points] == [made.point]
    assert dict(canvasback.verify(lake.repository, witness=f"{nowhere}/w").finding_counts) == {"witness-unreached": 1}
    nowhere.unlink()
    assert canvasback.backup(lake.attach, lake.repository, only_new=True, witness=f"{nowhere}/w").findings == ()
    assert canvasback.verify(lake.repository, witness=f"{nowhere}/w").findings == ()


def test_a_watch_tells_it_of_each_point(tmp_path: Path) -> None:
    lake, witness, stop = Lake(tmp_path / "lake"), tmp_path / "witness", threading.Event()
    grow(lake)
    canvasback.init(lake.attach, lake.repository)
    for event in canvasback.watch(lake.attach, lake.repository, witness=str(witness), every=0.1, stop=stop):
        if isinstance(event, canvasback.PointMade):
            [told] = witness.rglob("*.json")
            assert told.stem == event.point
            stop.set()


def test_all_of_it_may_be_in_buckets(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, owner, where = Lake(tmp_path / "lake"), Person(), cloud("s3", request, monkeypatch)
    grow(lake)
    stores = Stores({"s3://": where.options}, secrets=Secrets([owner.identity]))
    repository, witness, mirror = where.bucket(), where.bucket(), where.bucket()
    canvasback.init(lake.attach, repository, recipients={"ops": owner.key}, seal_data=True, stores=stores)
    canvasback.backup(lake.attach, repository, witness=witness, stores=stores)
    canvasback.mirror(repository, mirror, stores=stores)
    grow(lake)
    newest = canvasback.backup(lake.attach, repository, witness=witness, stores=stores)
    assert newest.findings == ()
    for place, codes in ((repository, {}), (mirror, {"rolled-back": 1})):
        verified = canvasback.verify(place, all_points=True, level="rows", witness=witness, stores=stores)
        assert verified.finding_counts == codes
    truth = lake.read()
    lake.delete()
    assert not canvasback.restore(lake.attach, repository, stores=stores, witness=witness).findings
    assert lake.read() == truth
