"""The point before: what a backup need not write again."""

from __future__ import annotations

from datetime import datetime

import duckdb
import msgspec

from canvasback.errors import CorruptError
from canvasback.model.finding import Finding, Findings
from canvasback.model.manifest import Chunk, FileTotals, Manifest, StoredTable
from canvasback.model.register import Register
from canvasback.repository.at_risk import prune_unfinished
from canvasback.repository.chunks import read_chunks
from canvasback.repository.layout import REGISTER
from canvasback.repository.points import newest_points
from canvasback.repository.readable_points import Damage, ReadablePoints
from canvasback.repository.register import find_register
from canvasback.repository.repository import Repository

_CURE = "Run backup --full to mend what the lake still has, and verify --all to see which points are whole."


class PreviousTable(msgspec.Struct, frozen=True):
    """A table of the point before, with its chunks at hand."""

    table: StoredTable
    chunks: tuple[Chunk, ...]


class Previous(msgspec.Struct, frozen=True):
    """The newest readable point.

    Attributes:
        manifest: Its manifest; None in a new repository.
        tables: Its catalog tables whose chunks can be told.
        files: Its file lists whose chunks can be told.
        latest_id: The id of the newest point, readable or not.
        at_risk_ns: Which objects that it does not name are not relied on, see `is_at_risk`.
    """

    manifest: Manifest | None
    tables: dict[str, PreviousTable]
    files: dict[str, PreviousTable]
    latest_id: str | None
    at_risk_ns: int = 0

    @property
    def totals(self) -> FileTotals | None:
        """Its files in numbers, if all of its lists can be told."""
        known = self.manifest is not None and all(table.name in self.files for table in self.manifest.files)
        return self.manifest.totals if self.manifest is not None and known else None

    @property
    def whole(self) -> Manifest | None:
        """Its manifest, if it may be relied on and all that it names can be told."""
        manifest = self.manifest
        if manifest is None or len(self.tables) < len(manifest.tables) or len(self.files) < len(manifest.files):
            return None
        return manifest


def read_previous(
    connection: duckdb.DuckDBPyConnection,
    repository: Repository,
    known: str | None,
    findings: Findings,
    *,
    now: datetime,
    trust: bool = True,
) -> Previous:
    """Read the newest point that can be read and is not forgotten. Damage costs only that more is written anew.

    What only forgotten points name may be gone any time. Where nobody knows which they are, nothing is relied on.

    Args:
        connection: Where index objects are read.
        repository: The repository.
        known: The newest point as the leases know it, see `newest_points`.
        findings: Told about damage.
        now: The time.
        trust: Whether its chunks may be relied on; if not, all is compared with what is there.

    Raises:
        LockedError: Nothing is to be relied on, and what is there is at risk (``prune-unfinished``).
    """
    passed_over: list[str] = []

    def tell(id_: str, damage: Damage) -> None:
        passed_over.append(id_)
        findings.add(_damage(id_, damage))

    try:
        register = find_register(repository.store).register
    except CorruptError as error:
        findings.add(_damage(REGISTER, error, error.hint))
        register, trust = Register(), False
    at_risk_ns = register.at_risk_ns(now)
    if at_risk_ns and not trust:
        raise prune_unfinished(repository.store)
    points = ReadablePoints(repository.store, tell)
    manifest = next(points.manifests(newest_points(repository.store, known, register.forgotten())), None)
    if manifest is None:
        return Previous(None, {}, {}, passed_over[0] if passed_over else None, at_risk_ns)
    latest = passed_over[0] if passed_over else manifest.id
    if not trust:
        return Previous(manifest, {}, {}, latest)
    return Previous(
        manifest,
        _with_chunks(connection, repository, manifest.tables, findings),
        _with_chunks(connection, repository, manifest.files, findings),
        latest,
        at_risk_ns,
    )


def _with_chunks(
    connection: duckdb.DuckDBPyConnection,
    repository: Repository,
    tables: tuple[StoredTable, ...],
    findings: Findings,
) -> dict[str, PreviousTable]:
    found = {}
    for table in tables:
        try:
            found[table.name] = PreviousTable(table, read_chunks(connection, repository.store, table))
        except CorruptError as error:
            findings.add(_damage(table.name, error))
    return found


def _damage(where: str, error: Damage, cure: str = _CURE) -> Finding:
    return Finding("repository-damaged", "error", where, error.message, cure)
