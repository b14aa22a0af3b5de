"""Where a recovery of PostgreSQL is to stop, in the words of whoever carries it out.

Sources: PostgreSQL's documentation, "Recovery Target"; pgBackRest's command reference, "restore"; Barman's manual,
"recover"; WAL-G's documentation, "PostgreSQL".
"""

from __future__ import annotations

import shlex
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from canvasback.model.commit_position import CommitPosition

Kind = Literal["lsn", "xid"]


class Instruction(msgspec.Struct, frozen=True):
    """What to tell a program or a service.

    Attributes:
        to: Its name.
        lines: Settings or commands; what is in capitals is to be replaced.
    """

    to: str
    lines: tuple[str, ...]


class RecoveryTarget(msgspec.Struct, frozen=True):
    """A commit as the last one that a recovery brings back.

    The catalog's own ``snapshot_time`` is none: it is before the commit, so that a recovery to it stops too early.

    Attributes:
        commit: The commit.
        service_time: When it surely was there, in whole seconds: for services that restore to a time.
    """

    commit: CommitPosition
    service_time: datetime

    @classmethod
    def of(cls, commit: CommitPosition, following: CommitPosition | None) -> RecoveryTarget:
        """The target that a commit is.

        Args:
            commit: The commit.
            following: The one after it, if it is known: its transaction began when this one was there.
        """
        if commit.committed is not None:
            surely = commit.committed
        elif following is not None:
            surely = following.snapshot_time
        else:
            surely = commit.snapshot_time + timedelta(minutes=1)
        return cls(commit, surely.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1))

    @property
    def kind(self) -> Kind:
        """By what the commit is named: the beginning of its COMMIT record where it is known, else its transaction."""
        return "lsn" if self.commit.lsn else "xid"

    @property
    def value(self) -> str:
        """Its name, as PostgreSQL reads it."""
        return self.commit.lsn or str(self.commit.xid)

    def settings(self) -> dict[str, str]:
        """PostgreSQL's settings, without ``restore_command``. When it has stopped one can look before it goes on."""
        return {
            f"recovery_target_{self.kind}": self.value,
            "recovery_target_inclusive": "on",
            "recovery_target_timeline": str(self.commit.timeline),
            "recovery_target_action": "pause",
        }

    def for_pgbackrest(self, stanza: str, base: str) -> list[str]:
        """The arguments of pgBackRest.

        Args:
            stanza: The stanza.
            base: The backup set; empty for whichever pgBackRest chooses, as it does by a position alone.
        """
        chosen = [f"--set={base}"] if base else []
        return [
            f"--stanza={stanza}",
            f"--type={self.kind}",
            f"--target={self.value}",
            f"--target-timeline={self.commit.timeline}",
            "--target-action=pause",
            *chosen,
            "restore",
        ]

    def for_barman(self, server: str, base: str, folder: str) -> list[str]:
        """The arguments of Barman.

        Args:
            server: The server.
            base: The backup's id.
            folder: The new PGDATA.
        """
        return [
            "recover",
            f"--target-{self.kind}={self.value}",
            f"--target-tli={self.commit.timeline}",
            "--target-action=pause",
            server,
            base,
            folder,
        ]

    def instructions(self, *, stanza: str = "", server: str = "", base: str = "") -> tuple[Instruction, ...]:
        """What to tell PostgreSQL, and each tool.

        Args:
            stanza: PgBackRest's stanza.
            server: Barman's server.
            base: The base backup of that archive to begin with, if it is known.
        """
        settings = tuple(f"{name} = '{value}'" for name, value in self.settings().items())
        chosen = "" if self.kind == "lsn" else "SET"  # by a transaction pgBackRest would take the newest set
        pgbackrest = self.for_pgbackrest(stanza or "STANZA", base if stanza else chosen)
        barman = self.for_barman(server or "SERVER", base or "BACKUP", "PGDATA")
        return (
            Instruction("PostgreSQL", (*settings, "restore_command = 'COMMAND'")),
            Instruction("pgBackRest", (shlex.join(["pgbackrest", *pgbackrest]),)),
            Instruction("Barman", (shlex.join(["barman", *barman]),)),
            Instruction(
                "WAL-G",
                ("wal-g backup-fetch PGDATA BACKUP", *settings, 'restore_command = \'wal-g wal-fetch "%f" "%p"\''),
            ),
        )
