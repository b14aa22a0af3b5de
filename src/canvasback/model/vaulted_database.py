"""Databases of which Google's Backup and DR keeps backups in vaults, and how they are restored to have a snapshot.

Sources: Google's references of ``gcloud sql backups restore``, ``gcloud sql instances point-in-time-restore`` and
``gcloud beta alloydb clusters restore``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from canvasback.model.recovery_target import Instruction

Kind = Literal["Cloud SQL", "AlloyDB"]


class VaultedBackup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup that can be restored.

    Attributes:
        name: Its full name.
        captured: What the database had committed until then, it has.
        expires: When it is deleted; null where nobody said.
    """

    name: str
    captured: datetime
    expires: datetime | None


class VaultedDatabase(msgspec.Struct, frozen=True, kw_only=True):
    """One instance of Cloud SQL or cluster of AlloyDB.

    Attributes:
        kind: Which of them.
        name: Its full name.
        data_source: What its backups are filed under, which is in a vault.
        last_state: How the last backup ended, in Google's words; empty where nobody said.
        backups: Its backups, the oldest first.
    """

    kind: Kind
    name: str
    data_source: str
    last_state: str
    backups: tuple[VaultedBackup, ...]

    def holding(self, time: datetime) -> tuple[VaultedBackup, ...]:
        """The backups that were captured at a time or later, the first one first."""
        return tuple(backup for backup in self.backups if backup.captured >= time)

    def restores(self, time: datetime, project: str) -> tuple[Instruction, ...]:
        """What to run to have what was committed until a time, in a new database.

        Args:
            time: The time, in UTC and whole seconds.
            project: The project in which the new database is to be.
        """
        holding = self.holding(time)
        whole = [Instruction("the first of these backups", (self._whole(holding[0], project),))] if holding else []
        return (*whole, Instruction("a time, if its backup plan keeps logs", (self._to_time(time, project),)))

    def _whole(self, backup: VaultedBackup, project: str) -> str:
        if self.kind == "Cloud SQL":
            return f"gcloud sql backups restore {backup.name} --restore-instance=NEW --project={project}"
        return f"{self._cluster(project)} --backupdr-backup={backup.name}"

    def _to_time(self, time: datetime, project: str) -> str:
        spelled = f"{time:%Y-%m-%dT%H:%M:%SZ}"
        if self.kind == "Cloud SQL":
            return f"gcloud sql instances point-in-time-restore {self.data_source} NEW {spelled} --project={project}"
        return f"{self._cluster(project)} --backupdr-data-source={self.data_source} --point-in-time={spelled}"

    def _cluster(self, project: str) -> str:
        region = self.data_source.split("/")[3]
        return f"gcloud beta alloydb clusters restore NEW --region={region} --project={project}"
