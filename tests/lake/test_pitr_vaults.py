"""What Google's Backup and DR keeps of a catalog is told by the snapshots that are in it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

import canvasback
from canvasback import PitrTargetResult, UsageError
from canvasback.clouds import google_backup_dr
from canvasback.model.clock import now
from canvasback.model.results.pitr_target import HoldingVault
from tests.backup_dr_stub import ALLOYDB, SQL, BackupDrStub, backup_dr_stub
from tests.cli.running import Place
from tests.lake.builder import session

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import Server

PARENT = "projects/sales/locations/europe-west1"
PLACE = "sales/europe-west1"


class Mapped:
    """A lake in PostgreSQL whose commits a repository has noted; snapshot 2 is the one that is wanted."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.database = server.create().partition("dbname=")[2].partition(" ")[0]
        self.attach = f"ducklake:postgres:{server.string(self.database)}"
        self.repository = str(folder / "repository")
        with session(self.attach, f"DATA_PATH '{folder}/data'") as connection:
            connection.execute("CREATE TABLE lake.t (i INTEGER)")
            connection.execute("INSERT INTO lake.t VALUES (2)")
            connection.execute("INSERT INTO lake.t VALUES (3)")
        canvasback.init(self.attach, self.repository)
        canvasback.backup(self.attach, self.repository)

    def target(self, place: str = PLACE, snapshot: int = 2) -> PitrTargetResult:
        return canvasback.pitr_target(self.attach, self.repository, to_snapshot=snapshot, backup_dr=place)


@pytest.fixture
def lake(postgres: Server, tmp_path: Path) -> Mapped:
    return Mapped(postgres, tmp_path)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[BackupDrStub]:
    with backup_dr_stub() as running:
        monkeypatch.setattr(google_backup_dr, "connect", lambda _: running.client())
        yield running


def test_the_first_backup_that_has_the_snapshot_is_named(lake: Mapped, stub: BackupDrStub) -> None:
    time = lake.target().service_time
    source = stub.protect(PARENT, SQL, "projects/sales/instances/catalog")
    last = time + timedelta(days=1)
    stub.add_backup(source, last)
    stub.add_backup(source, time - timedelta(seconds=1))
    stub.add_backup(source, time, state="CREATING")
    first = stub.add_backup(source, time, expires=time + timedelta(days=30))
    stub.protect(PARENT, "compute.googleapis.com/Instance", "projects/sales/zones/europe-west1-b/instances/web")

    found = lake.target()

    [vault] = found.vaults
    assert (vault.kind, vault.database) == ("Cloud SQL", "projects/sales/instances/catalog")
    assert (vault.backups, vault.holding, vault.last_backup) == (3, 2, last)
    assert vault.first is not None
    assert (vault.first.name, vault.first.expires) == (first, time + timedelta(days=30))
    assert [one.lines for one in vault.instructions] == [
        (f"gcloud sql backups restore {first} --restore-instance=NEW --project=sales",),
        (f"gcloud sql instances point-in-time-restore {source} NEW {time:%Y-%m-%dT%H:%M:%SZ} --project=sales",),
    ]
    assert (found.services, found.findings) == ((), ())


def test_a_cluster_of_alloydb_is_made_in_its_region(lake: Mapped, stub: BackupDrStub) -> None:
    time = lake.target().service_time
    source = stub.protect(PARENT, ALLOYDB, f"{PARENT}/clusters/catalog")
    first = stub.add_backup(source, time)
    [vault] = lake.target().vaults
    assert vault.kind == "AlloyDB"
    begin = "gcloud beta alloydb clusters restore NEW --region=europe-west1 --project=sales"
    assert [one.lines for one in vault.instructions] == [
        (f"{begin} --backupdr-backup={first}",),
        (f"{begin} --backupdr-data-source={source} --point-in-time={time:%Y-%m-%dT%H:%M:%SZ}",),
    ]


def test_one_of_several_databases_is_named(lake: Mapped, stub: BackupDrStub) -> None:
    for name in ("catalog", "other"):
        source = stub.protect(PARENT, SQL, f"projects/sales/instances/{name}")
        stub.add_backup(source, now())
    assert len(lake.target().vaults) == 2
    stub.asked.clear()
    [vault] = lake.target(f"{PLACE}/other").vaults
    assert vault.database.endswith("/other")
    assert not any("catalog-source" in path for path in stub.asked)


def test_what_is_in_the_way_is_told(lake: Mapped, stub: BackupDrStub) -> None:
    found = lake.target()
    assert (found.finding_counts, found.vaults) == ({"nothing-vaulted": 1}, ())
    assert found.services  # then what any service can do may help
    source = stub.protect(PARENT, SQL, "projects/sales/instances/catalog", "FAILED")
    found = lake.target()
    assert found.finding_counts == {"snapshot-not-vaulted": 1, "vault-failing": 1}
    [vault] = found.vaults
    assert (vault.backups, vault.last_backup, vault.first, vault.last_state) == (0, None, None, "FAILED")
    assert [len(one.lines) for one in vault.instructions] == [1]
    stub.add_backup(source, found.service_time - timedelta(seconds=1))
    [vault] = lake.target().vaults
    assert (vault.backups, vault.holding, vault.first) == (1, 0, None)


@pytest.mark.parametrize(("status", "told"), [(403, "no permission"), (401, "refused"), (400, "cannot reach")])
def test_what_may_not_be_seen_is_told(status: int, told: str, lake: Mapped, stub: BackupDrStub) -> None:
    """Where the snapshot is, is told all the same."""
    stub.status = status
    found = lake.target()
    assert found.finding_counts == {"vaults-not-seen": 1}
    assert told in found.findings[0].message
    assert (found.snapshot_id, bool(found.services)) == (2, True)


def test_a_place_is_spelled_so(lake: Mapped) -> None:
    for wrong in ("", "sales", "sales/", "a/b/c/d", "a b/c"):
        with pytest.raises(UsageError) as refused:
            lake.target(wrong)
        assert refused.value.code == "no-vault-place"


def test_without_credentials_it_is_told(lake: Mapped, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    found = lake.target()
    assert found.finding_counts == {"vaults-not-seen": 1}
    assert "no application default credentials" in found.findings[0].message


def restored(lake: Mapped, vault: HoldingVault) -> str:
    """What the instruction would make: here, a copy of the database."""
    assert vault.first is not None
    copy = f"{lake.database}_restored"
    lake.server.psql("postgres", f"CREATE DATABASE {copy} TEMPLATE {lake.database}")
    return f"ducklake:postgres:{lake.server.string(copy)}"


def test_the_restored_database_goes_back_to_the_snapshot(lake: Mapped, stub: BackupDrStub, tmp_path: Path) -> None:
    """As the command line tells it, step by step."""
    source = stub.protect(PARENT, SQL, "projects/sales/instances/catalog")
    name = stub.add_backup(source, now() + timedelta(minutes=2))
    place = Place(tmp_path)
    ran = place.run("pitr", "target", lake.attach, "-r", lake.repository, "--to-snapshot", "2", "--backup-dr", PLACE)
    assert ran.code == 0
    assert f"    gcloud sql backups restore {name} --restore-instance=NEW --project=sales" in ran.out
    [vault] = lake.target().vaults
    copy = restored(lake, vault)
    told = ran.out.splitlines()[-1].strip()
    program, *arguments = shlex.split(told)
    assert program == "canvasback"
    done = place.run(*[copy if argument == "LAKE" else argument for argument in arguments])
    assert done.code == 0
    with session(copy, "READ_ONLY") as connection:
        assert connection.execute("SELECT * FROM lake.t").fetchall() == [(2,)]


def test_without_its_packages_it_says_what_to_install(lake: Mapped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.cloud.backupdr_v1", None)
    with pytest.raises(UsageError) as refused:
        lake.target()
    assert refused.value.code == "extra-missing"
    assert "canvasback[backup-dr]" in refused.value.hint
