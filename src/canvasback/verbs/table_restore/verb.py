"""restore --table: tables of a point come back into a live lake, as a new commit."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime

import msgspec

from canvasback.catalog.dialects import in_dialect, readable
from canvasback.catalog.engines import Engine, open_to_change
from canvasback.catalog.engines.expected import Expected, changed
from canvasback.catalog.image import Image
from canvasback.catalog.reading.forgotten import forgotten_findings
from canvasback.catalog.reading.lake_tables import LakeTable, find_tables, split_name
from canvasback.catalog.reading.table_states import table_states, visible
from canvasback.catalog.writing.edits import statements
from canvasback.catalog.writing.new_tables import NewTable, Schema, folder_of
from canvasback.catalog.writing.table_commit import table_commit_edits
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import LockedError, RefusedError, UsageError
from canvasback.history.points import image_of, open_moment
from canvasback.history.times import moment_of
from canvasback.model.clock import now
from canvasback.model.commit import Commit
from canvasback.model.finding import Findings
from canvasback.model.lake import LakeName, parse_lake
from canvasback.model.manifest import Manifest
from canvasback.model.plans.table_restore import TableRestorePlan
from canvasback.model.progress import SILENT, Progress
from canvasback.model.results.table_restore import RestoredTable, TableRestoreResult
from canvasback.repository.repository import Repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from canvasback.verbs.table_restore.files import TableFiles

_ATTEMPTS = 5


@translates_errors
def restore_tables(
    lake: str,
    repository: str,
    table: str,
    point: str | None = None,
    *,
    as_name: str | None = None,
    at_snapshot: int | None = None,
    at_time: str | datetime | None = None,
    data_path: str | None = None,
    dry_run: bool = False,
    jobs: int | None = None,
    stores: Stores | None = None,
    progress: Progress = SILENT,
    clock: Callable[[], datetime] = now,
) -> TableRestoreResult:
    """Bring one table, or all of a schema, back into a live lake as a new commit; all else in it stays as it is.

    The table is a new one to the lake, with the columns, column ids, row ids, partitioning, comments and options of
    then. Its files are copied to fresh names: DuckLake's expiry and cleanup could delete shared ones twice.

    Args:
        lake: The live lake, as in ATTACH.
        repository: The repository.
        table: ``schema.table``, a table of ``main``, or a schema.
        point: An id, a unique beginning of one, or ``latest``, which is what None means where no moment is given;
            else the oldest point that holds the moment.
        as_name: Another name for the one table, with or without a schema.
        at_snapshot: The snapshot as of which; the point's newest one if nothing is said.
        at_time: The same by a time: ISO 8601 with a zone, or ``2 hours ago``.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.
        jobs: How many files are copied at a time; None for what suits the storage.
        stores: How to reach object stores, and how fast to copy; by each cloud's own configuration if None.
        progress: Told how the work goes on.
        clock: Tells the time.

    Raises:
        RefusedError: There is no such table then (``table-not-there``), one of its name is there now
            (``table-exists``), or the point lacks files of it (``table-files-absent``); the lake was not changed.
        LockedError: Somebody has the catalog open, or commits all the time; the lake was not changed.
        CorruptError: Files of it could not be restored (``table-incomplete``); the lake was not changed.
    """
    run = Run.begin(stores=stores, jobs=jobs, progress=progress, clock=clock)
    name = parse_lake(lake)
    opened, manifest, then = open_moment(run.stores, repository, point, moment_of(at_snapshot, at_time, run.now()))
    with image_of(opened.store, manifest, check_with=run.jobs_for(opened.store)) as stored:
        source = in_dialect(readable(stored), "duckdb")
        found = find_tables(source, then.snapshot, table, f"point {manifest.id}")
        files = TableFiles(run, source, then.snapshot, opened.store, manifest)
        names = _renamed(found, as_name)
        returning = _Returning(
            run=run,
            lake=name,
            engine=open_to_change(name),
            repository=opened,
            manifest=manifest,
            then=then,
            source=source,
            names=names,
            data_path=data_path,
            files=files,
        )
        look = returning.look()
        added = 0
        if not dry_run:
            returning.engine.change(())  # who is locked out need not wait for the files to hear of it
            added = returning.add(files.copy(look.tables, look.plan.data_path), look.schemas)
    plan = look.plan
    return TableRestoreResult(
        point=plan.point,
        snapshot_id=plan.commit.snapshot,
        lake=plan.lake,
        new_snapshot_id=added,
        tables=plan.tables,
        steps=plan.steps,
        dry_run=dry_run,
        seconds=run.seconds,
        findings=plan.findings,
        finding_counts=plan.finding_counts,
    )


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it takes to carry it out while the point's image is open."""

    plan: TableRestorePlan
    tables: list[NewTable]
    schemas: list[Schema]


class _Returning(msgspec.Struct, frozen=True, kw_only=True):
    run: Run
    lake: LakeName
    engine: Engine
    repository: Repository
    manifest: Manifest
    then: Commit
    source: Image
    names: dict[LakeTable, tuple[str, str]]
    data_path: str | None
    files: TableFiles

    def look(self) -> _Look:
        """See whether it can be done, and note where each file goes. Changes nothing."""
        with open_lake(self.engine, self.lake, data_path=self.data_path) as live:
            target = live.image
            self._check(target)
            root = live.root()
            tables, schemas, folders = self._named(target, root)
            head = target.head()[0]
        self.files.look(tables, folders, head)
        findings = Findings()
        lost = {str(table) for table in self.names}
        findings.extend(f for f in forgotten_findings(self.source, self.then.snapshot) if f.where in lost)
        findings.extend(self.files.deletes.findings)
        plan = TableRestorePlan(
            point=self.manifest.id,
            commit=self.then,
            lake=str(self.lake),
            data_path=root,
            schemas=tuple(schema.name for schema in schemas),
            tables=self._told(),
            files=self.files.planned,
            cut=len(self.files.straddlers),
            findings=findings.kept,
            finding_counts=findings.counts,
        )
        return _Look(plan=plan, tables=tables, schemas=schemas)

    def add(self, tables: list[NewTable], schemas: list[Schema]) -> int:
        """Add the tables in one transaction, to whatever the lake is by then; answer the snapshot that has them."""
        for attempt in range(1, _ATTEMPTS + 1):
            with open_lake(self.engine, self.lake, may_be_incomplete=True) as live:
                target = live.image
                self._refuse_existing(target)
                head = target.head()
                message = (
                    f"canvasback restored {', '.join(str(table) for table in self.names)} as of snapshot "
                    f"{self.then.snapshot} from point {self.manifest.id}"
                )
                moment = max(self.run.now(), head[1])
                if any(schema.name.lower() in _schemas(target) for schema in schemas):
                    raise changed(str(self.lake))  # the files lie in another folder than that schema's
                edits = table_commit_edits(self.source, self.then.snapshot, target, tables, schemas, moment, message)
            expected = Expected("SELECT max(snapshot_id), count(*) FROM ducklake_snapshot", (head[0], head[2]))
            try:
                self.engine.change(statements(edits), expected)
            except LockedError as error:
                if error.code != "catalog-changed" or attempt == _ATTEMPTS:
                    raise
            else:
                return head[0] + 1
        raise AssertionError

    def _check(self, target: Image) -> None:
        expected = self.repository.marker.lake_id
        if expected not in target.schema_uuids().values():
            raise RefusedError(
                "other-lake",
                f"the repository is for the lake {expected}, and {self.lake} is another one",
                hint="Restore the table's point to a lake of its own, and copy from there with SQL.",
            )
        old, new = self.source.record.version, target.record.version
        if old != new and old == "0.1":
            raise RefusedError(
                "version-too-old",
                f"the point is of DuckLake {old} and the lake of {new}, whose partitions are told otherwise",
                hint="Restore the point to a place of its own, attach it there, and copy the table with SQL.",
            )
        self._refuse_existing(target)

    def _refuse_existing(self, target: Image) -> None:
        head = target.head()[0]
        there = {(state.schema.lower(), state.table.lower()) for state in table_states(target, head)}
        there |= set(
            target.rows(
                "SELECT lower(s.schema_name), lower(v.view_name) FROM {ducklake_view} v JOIN {ducklake_schema} s "
                f"ON s.schema_id = v.schema_id AND {visible('s', head)} WHERE {visible('v', head)}"
            )
        )
        for schema, name in self.names.values():
            if (schema.lower(), name.lower()) in there:
                raise RefusedError(
                    "table-exists",
                    f"the lake has a table or a view {schema}.{name}",
                    hint="Give it another name with --as; nothing in the lake is overwritten.",
                )

    def _named(self, target: Image, root: str) -> tuple[list[NewTable], list[Schema], dict[int, str]]:
        """The tables as they are to be, the schemas that are made for them, and each table's folder, absolute."""
        known = _schemas(target)
        paths = target.has("ducklake_table", "path")
        tables, schemas, folders = [], [], {}
        for old, (schema, name) in self.names.items():
            if schema.lower() not in known:
                made = Schema(schema, str(uuid.uuid4()), "")
                made = msgspec.structs.replace(made, folder=folder_of(schema, made.uuid)) if paths else made
                schemas.append(made)
                known[schema.lower()] = made.folder
            unique = str(uuid.uuid4())
            folder = folder_of(name, unique) if paths else ""
            tables.append(NewTable(old, schema, name, unique, folder))
            inside = known[schema.lower()]
            absolute = inside.startswith("/") or "://" in inside
            folders[old.table_id] = ("" if absolute else root) + inside + folder
        return tables, schemas, folders

    def _told(self) -> tuple[RestoredTable, ...]:
        states = {state.table_id: state for state in table_states(self.source, self.then.snapshot)}
        return tuple(
            RestoredTable(
                table=str(old),
                restored_as=f"{schema}.{name}",
                rows=states[old.table_id].rows,
                exact=states[old.table_id].rows_exact,
                files=states[old.table_id].files,
                bytes=states[old.table_id].bytes,
                fewest=states[old.table_id].fewest,
                most=states[old.table_id].most,
            )
            for old, (schema, name) in self.names.items()
        )


def _renamed(found: list[LakeTable], as_name: str | None) -> dict[LakeTable, tuple[str, str]]:
    if as_name is None:
        return {table: (table.schema, table.name) for table in found}
    if len(found) > 1:
        raise UsageError(
            "table-name",
            f"{len(found)} tables cannot all be called {as_name!r}",
            hint="Restore them one by one, or under their own names.",
        )
    *schema, name = split_name(as_name)
    return {found[0]: (schema[0] if schema else found[0].schema, name)}


def _schemas(image: Image) -> dict[str, str]:
    """The folders of the schemas that are there, by their names in lower case."""
    path = "s.path" if image.has("ducklake_schema", "path") else "''"
    rows = image.rows(
        f"SELECT lower(schema_name), coalesce({path}, '') FROM {{ducklake_schema}} s "
        f"WHERE {visible('s', image.head()[0])}"
    )
    return {name: folder.removeprefix("file://") for name, folder in rows}
