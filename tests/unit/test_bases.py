"""Base backups in a repository: the manifest is the backup, and what rests on what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from canvasback.errors import CorruptError
from canvasback.model.base_backup import BaseBackup, chain, needed_by
from canvasback.model.plans.pitr_forget import PitrForgetPlan
from canvasback.model.plans.pitr_restore import PitrRestorePlan
from canvasback.repository.bases import (
    MANIFEST,
    TAR,
    base_id,
    base_name,
    publish_base,
    read_bases,
    unfinished,
)
from canvasback.repository.repository import Repository, create_repository
from canvasback.storage.local.store import LocalStore

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
SYSTEM = 7_713_002_837


def base(hours: int, parent: str = "") -> BaseBackup:
    began = NOON + timedelta(hours=hours)
    return BaseBackup(
        self="",
        format=0,
        repository_id="",
        id=base_id(began),
        system=str(SYSTEM),
        postgres=180_004,
        segment_size=1 << 24,
        timeline=1,
        start="0/2000028",
        end="0/3000000",
        began=began,
        ended=began + timedelta(minutes=1),
        parent=parent,
        bytes=10,
        blake3="0" * 64,
        unpacked=20,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return create_repository(LocalStore(tmp_path / "repo"), "l", NOON)


def test_only_what_has_its_manifest_is_a_base_backup(repository: Repository) -> None:
    store = repository.store
    made = [publish_base(repository, base(hours), NOON) for hours in (0, 1)]
    assert [(one.major, one.first_segment.name) for one in made] == [(18, "000000010000000000000002")] * 2
    assert read_bases(store, SYSTEM) == (tuple(made), ())
    given_up = base_name(SYSTEM, base_id(NOON + timedelta(hours=2)), TAR)
    store.put_new(given_up, b"a begin")
    store.put_new(base_name(SYSTEM, "notes", TAR), b"by hand")
    assert list(unfinished(store, SYSTEM)) == [(given_up, NOON + timedelta(hours=2))]
    assert read_bases(store, SYSTEM + 1) == ((), ())


def test_damaged_manifests_are_findings(repository: Repository) -> None:
    store, made = repository.store, publish_base(repository, base(0), NOON)
    name = base_name(SYSTEM, made.id, MANIFEST)
    content = store.get(name)
    for damaged in (content[:-1], content.replace(b'"timeline":1', b'"timeline":2'), b"[]"):
        store.delete(name)
        store.put_new(name, damaged)
        found, findings = read_bases(store, SYSTEM)
        assert found == ()
        assert [(finding.code, finding.where) for finding in findings] == [("base-corrupt", name)]


def test_what_rests_on_what() -> None:
    full, first = base(0), base(1, base(0).id)
    second, alone = base(2, first.id), base(3)
    bases = [full, first, second, alone]
    assert chain(bases, second) == (full, first, second)
    assert chain(bases, alone) == (alone,)
    assert needed_by(bases, [first.id]) == {full.id, first.id}
    assert needed_by(bases, []) == frozenset()
    with pytest.raises(CorruptError, match="base-missing"):
        chain([first, second], second)
    circle = msgspec.structs.replace(full, parent=second.id)
    with pytest.raises(CorruptError, match="base-missing"):
        chain([circle, first, second], second)
    assert needed_by([circle, first, second], [full.id]) == {full.id, first.id, second.id}


NOTHING = PitrForgetPlan(system="7", bases=(), bytes=0, files=(), first_segment="", rested_on=(), leftovers=())


def test_what_is_forgotten_in_words() -> None:
    assert NOTHING.steps == ("nothing is to be deleted",)
    planned = msgspec.structs.replace(
        NOTHING, bases=("a", "b"), bytes=1200, files=("f",), first_segment="S", rested_on=("c",), leftovers=("x", "y")
    )
    assert planned.steps == (
        "1 base backup stays that the policy does not keep: others rest on it",
        "2 base backups (1,200 bytes) deleted for good",
        "1 file of the log before S deleted for good",
        "2 objects of base backups that were never finished deleted",
    )


def test_a_recovery_in_words() -> None:
    plan = PitrRestorePlan(
        tool="",
        bases=("full", "incremental"),
        bytes=1200,
        segments=3,
        snapshot_id=4711,
        lsn="0/6008EB8",
        timeline=1,
        pgdata="/srv/pg",
        left=True,
        export="",
    )
    removed, *steps = plan.steps
    assert removed == "what a killed recovery left in /srv/pg is removed"
    assert steps[0] == (
        "base backup incremental, with 1 other that it rests on, (1,200 bytes) becomes a cluster in /srv/pg, which "
        "pg_verifybackup looks at"
    )
    assert "to the commit at 0/6008EB8, from at least 3 segments" in steps[1]
    assert "has to be 4711" in steps[2]
    other = msgspec.structs.replace(
        plan, tool="Barman", bases=("b",), snapshot_id=None, lsn="", pgdata="", left=False, export="x.db"
    )
    assert "laid from Barman" in other.steps[0]
    assert "thrown away" in other.steps[0]
    assert "to its end" in other.steps[1]
    assert other.steps[-2] == "the catalog is written to x.db"
