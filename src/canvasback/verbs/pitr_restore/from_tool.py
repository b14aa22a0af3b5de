"""A recovery from an archive that pgBackRest or Barman keeps: the tool lays the base backup, we feed the log."""

from __future__ import annotations

from canvasback.errors import RefusedError
from canvasback.model.commit_position import CommitPosition
from canvasback.model.wal import Lsn
from canvasback.model.wal_archive import ArchivedBase, WalArchive
from canvasback.postgres.archive import along
from canvasback.postgres.barman import Barman
from canvasback.postgres.new_cluster import give_cluster
from canvasback.postgres.pgbackrest import PgBackRest
from canvasback.postgres.programs import Programs
from canvasback.verbs.pitr_restore.goal import Goal


def goal_of_tool(archive: PgBackRest | Barman, known: WalArchive, commit: CommitPosition | None) -> Goal:
    """Where a recovery begins. Whether the log from there on is whole the recovery itself finds out.

    Args:
        archive: The archive.
        known: What it has.
        commit: The commit that is to be the last one, which the archive reaches; None for all that there is, from the
            newest base backup along the latest timeline that it leads to.

    Raises:
        RefusedError: It has no base backup, or none with any of the log (``no-base``).
    """
    if not known.bases or known.first is None:
        raise RefusedError(
            "no-base",
            f"{known.name} has no base backup of the system {known.system}, and no log is of use without one",
            hint="Make one with the tool that keeps the archive, while the server is there.",
        )
    base = known.base_for(commit) if commit is not None else known.bases[-1]
    assert base is not None  # or the archive did not reach it
    timeline = commit.timeline if commit is not None else _latest(known, base)

    def build(programs: Programs, data: str, _scratch: str) -> None:
        archive.lay_base(base.label, data)
        give_cluster(data, programs.account)

    size, end = known.first.size, Lsn.parse(commit.lsn) if commit is not None else base.stop
    return Goal(
        commit=commit,
        system=known.system,
        tool=known.name,
        bases=(base.label,),
        base_bytes=base.bytes,
        major=known.major,
        segment_size=size,
        timeline=timeline,
        segments=end.position // size - base.stop.position // size + 1,
        build=build,
        fetch=along(archive.fetch, known.history(timeline), size),
    )


def _latest(known: WalArchive, base: ArchivedBase) -> int:
    """The latest timeline that goes on from a base backup."""
    leading = [one.timeline for one in known.histories if one.timeline_at(base.stop) == base.timeline]
    return max([base.timeline, *leading])
