"""Which backups of a catalog in Google's vaults have a commit."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.clouds.google_backup_dr import VaultPlace, vaulted_databases
from canvasback.errors import StorageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.moment import spelled
from canvasback.model.recovery_target import RecoveryTarget
from canvasback.model.results.pitr_target import HoldingVault
from canvasback.model.vaulted_database import VaultedDatabase

_FAILING = {"FAILED", "PERMISSION_DENIED"}


def vaults_with(target: RecoveryTarget, place: VaultPlace, findings: Findings) -> tuple[HoldingVault, ...]:
    """What the vaults of a place have of the databases there, as seen from a commit.

    Args:
        target: The commit.
        place: Where to look.
        findings: Told what is in the way.

    Raises:
        UsageError: The extra that it needs is not installed (``extra-missing``).
    """
    try:
        databases = vaulted_databases(place)
    except StorageError as error:
        findings.add(Finding("vaults-not-seen", "error", str(place), error.message, error.hint))
        return ()
    if not databases:
        message = "no vault of Backup and DR has backups of such a database of Cloud SQL or AlloyDB"
        cure = "Name another place, or protect it by a backup plan. What Cloud SQL keeps by itself is not seen here."
        findings.add(Finding("nothing-vaulted", "error", str(place), message, cure))
    for database in databases:
        findings.extend(_findings_of(database, target))
    return tuple(_seen(database, target, place) for database in databases)


def _seen(database: VaultedDatabase, target: RecoveryTarget, place: VaultPlace) -> HoldingVault:
    holding = database.holding(target.service_time)
    return HoldingVault(
        kind=database.kind,
        database=database.name,
        data_source=database.data_source,
        backups=len(database.backups),
        last_backup=database.backups[-1].captured if database.backups else None,
        last_state=database.last_state,
        holding=len(holding),
        first=holding[0] if holding else None,
        instructions=database.restores(target.service_time, place.project),
    )


def _findings_of(database: VaultedDatabase, target: RecoveryTarget) -> Iterator[Finding]:
    if not database.holding(target.service_time):
        there = f"{spelled(target.service_time)}, when snapshot {target.commit.snapshot_id} surely was there"
        cure = "Restore it to that time if its plan keeps logs, or restore a point: run restore --at-snapshot."
        yield Finding("snapshot-not-vaulted", "error", database.name, f"has no backup of after {there}", cure)
    if database.last_state in _FAILING:
        message = f"its last backup ended as {database.last_state}"
        cure = f"See why: gcloud backup-dr data-sources describe {database.data_source}."
        yield Finding("vault-failing", "warning", database.name, message, cure)
