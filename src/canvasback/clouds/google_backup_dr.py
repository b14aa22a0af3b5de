"""Google's Backup and DR: which backups its vaults have of databases that can hold a catalog.

It keeps backups of Compute Engine, Filestore, Cloud SQL and AlloyDB, and of no bucket: of a lake, of the catalog alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from canvasback.errors import AccessDeniedError, UsageError
from canvasback.model.vaulted_database import Kind, VaultedBackup, VaultedDatabase
from canvasback.storage.bucket.service import credentials_missing, credentials_refused, unreachable

if TYPE_CHECKING:
    from google.cloud.backupdr_v1 import BackupDRClient

_PLACE = re.compile(r"(?P<project>[^/\s]+)/(?P<location>[^/\s]+)(?:/(?P<name>[^/\s]+))?")
_KINDS: dict[str, Kind] = {
    "sqladmin.googleapis.com/Instance": "Cloud SQL",
    "sql.googleapis.com/Instance": "Cloud SQL",
    "alloydb.googleapis.com/Cluster": "AlloyDB",
}
"""Google's references spell the first of them in two ways."""


class VaultPlace(msgspec.Struct, frozen=True):
    """Where to look.

    Attributes:
        project: The project of the databases.
        location: Their region.
        name: The only database that is asked for; empty for all.
    """

    project: str
    location: str
    name: str

    @classmethod
    def parse(cls, spelled: str) -> VaultPlace:
        """``PROJECT/LOCATION`` or ``PROJECT/LOCATION/NAME``.

        Raises:
            UsageError: It is neither (``no-vault-place``).
        """
        found = _PLACE.fullmatch(spelled.strip())
        if found is None:
            raise UsageError(
                "no-vault-place",
                f"{spelled!r} names no project and location of Google Cloud",
                hint="Name them as PROJECT/LOCATION, such as sales-production/europe-west1, and a database behind.",
            )
        return cls(found["project"], found["location"], found["name"] or "")

    def __str__(self) -> str:
        return f"{self.project}/{self.location}" + (f"/{self.name}" if self.name else "")


def vaulted_databases(place: VaultPlace) -> list[VaultedDatabase]:
    """The databases of a place of which there are backups, with those that can be restored.

    Raises:
        UsageError: The extra that it needs is not installed (``extra-missing``).
        StorageError: There are no credentials, they do not allow it, or nobody answers.
    """
    client = connect(place)
    return list(_translated(place, _databases(client, place)))


def connect(place: VaultPlace) -> BackupDRClient:
    """A client with the application's default credentials; a test may put another in its place.

    Raises:
        UsageError: See `vaulted_databases`.
        StorageError: There are no credentials.
    """
    try:
        from google.auth.exceptions import DefaultCredentialsError  # noqa: PLC0415 - an extra has it
        from google.cloud.backupdr_v1 import BackupDRClient  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise UsageError(
            "extra-missing",
            f"asking Backup and DR needs packages that are not installed: {error.name}",
            hint="Install them: pip install 'canvasback[backup-dr]'.",
        ) from error
    try:
        return BackupDRClient(transport="rest")
    except (DefaultCredentialsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise credentials_missing(_told(place), f"no application default credentials: {reason}") from None


def _databases(client: BackupDRClient, place: VaultPlace) -> Iterator[VaultedDatabase]:
    parent = f"projects/{place.project}/locations/{place.location}"
    for found in client.list_data_source_references(parent=parent):
        resource = found.data_source_gcp_resource_info
        kind, name = _KINDS.get(resource.type_), str(resource.gcp_resourcename)
        if kind is None or place.name not in {"", name.rpartition("/")[2]}:
            continue
        info = found.data_source_backup_config_info
        backups = map(_backup, client.list_backups(parent=found.data_source))
        yield VaultedDatabase(
            kind=kind,
            name=name,
            data_source=str(found.data_source),
            last_state=str(info.last_backup_state.name).replace("LAST_BACKUP_STATE_UNSPECIFIED", ""),
            backups=tuple(sorted(filter(None, backups), key=lambda backup: backup.captured)),
        )


def _backup(found: Any) -> VaultedBackup | None:
    """A backup that is whole; None of others."""
    if found.state.name != "ACTIVE" or not found.consistency_time:
        return None
    captured, expires = found.consistency_time, found.expire_time
    return VaultedBackup(name=str(found.name), captured=captured, expires=expires or None)


def _translated(place: VaultPlace, found: Iterator[VaultedDatabase]) -> Iterator[VaultedDatabase]:
    from google.api_core import exceptions  # noqa: PLC0415 - see `connect`
    from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415

    try:
        yield from found
    except exceptions.Forbidden:
        raise AccessDeniedError(_told(place), to="list the backups of") from None
    except (TransportError, OSError) as error:
        raise unreachable(_told(place), error) from error
    except (exceptions.Unauthorized, GoogleAuthError) as error:
        raise credentials_refused(_told(place), str(error).splitlines()[0]) from None
    except exceptions.GoogleAPIError as error:
        raise unreachable(_told(place), error) from error


def _told(place: VaultPlace) -> str:
    return f"Backup and DR of {place}"
