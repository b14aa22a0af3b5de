"""What a recovery of a PostgreSQL catalog is about to do."""

from __future__ import annotations

import msgspec

from canvasback.model.plurals import many


class PitrRestorePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster is about to be built, recovered, proved, and its lake's files put back.

    Attributes:
        tool: Whose archive it is; empty for the repository's own.
        bases: The ids of the base backups, the full one first.
        bytes: Bytes of them in the repository.
        segments: How many segments of the log are read at least.
        snapshot_id: The snapshot that is to be the newest one; None for whichever the log ends with.
        lsn: Where its COMMIT record begins; empty for the end of the log.
        timeline: The timeline to recover along.
        pgdata: The cluster's folder; empty for one that is thrown away.
        left: Whether that folder has what a killed recovery left.
        export: The lake that the catalog is written to; empty for none.
        aside: What is moved aside there, in words.
    """

    tool: str
    bases: tuple[str, ...]
    bytes: int
    segments: int
    snapshot_id: int | None
    lsn: str
    timeline: int
    pgdata: str
    left: bool
    export: str
    aside: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        where = self.pgdata or "a folder that is thrown away afterwards"
        what = f"base backup {self.bases[-1]}"
        if len(self.bases) > 1:
            what += f", with {many(len(self.bases) - 1, 'other')} that it rests on,"
        target = f"the commit at {self.lsn}" if self.lsn else "its end"
        proof = (
            f"the newest snapshot there has to be {self.snapshot_id}"
            if self.snapshot_id is not None
            else "what its newest snapshot is shows then"
        )
        read = many(self.segments, "segment")
        by = f"which is laid from {self.tool}" if self.tool else "which pg_verifybackup looks at"
        steps = [f"what a killed recovery left in {self.pgdata} is removed"] if self.left else []
        steps += [
            f"{what} ({self.bytes:,} bytes) becomes a cluster in {where}, {by}",
            f"PostgreSQL recovers it along timeline {self.timeline} to {target}, from at least {read} of the log",
            f"{proof}, and nothing after it",
            "files that its catalog names and that are missing are put back from the repository's points",
        ]
        steps += self.aside
        if self.export:
            steps.append(f"the catalog is written to {self.export}")
        if self.pgdata:
            steps.append("the recovery ends, so that the cluster begins a timeline of its own; its server is stopped")
        steps.append("it names the lake's own files: if another catalog of them is alive, let one only be cleaned up")
        return tuple(steps)
