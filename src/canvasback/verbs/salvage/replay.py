"""Replaying what unknown files tell of, in the order of their times, on what the catalog knows."""

from __future__ import annotations

import msgspec

from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import Edit
from canvasback.model.results.salvage import LeftFile, SalvagedCommit, SalvagedTable, Sureness
from canvasback.verbs.salvage.compaction import find_sources, same_rows
from canvasback.verbs.salvage.evidence import Evidence, snapshot_ids
from canvasback.verbs.salvage.evolution import related
from canvasback.verbs.salvage.folders import TableFolders
from canvasback.verbs.salvage.gaps import past_gaps
from canvasback.verbs.salvage.known_tables import Holder, LakeTable, past
from canvasback.verbs.salvage.rebuilt import Rebuilt
from canvasback.verbs.salvage.row_order import in_row_order

_NEAR = 20_000
"""Microseconds between files that one commit wrote, where it wrote several."""


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a replay."""

    edits: list[Edit]
    commits: list[SalvagedCommit]
    left: list[LeftFile]
    tables: list[SalvagedTable]
    unordered: set[str]
    doubtful: dict[str, list[str]]
    missing: list[tuple[str, str]]
    snapshot: int


class Replay(Rebuilt):
    """Takes files one by one, and makes commits of them.

    Args:
        image: The catalog in DuckDB's dialect.
        table_folders: The tables, and what folders are whose.
        files: What is unknown, the oldest first.
    """

    def __init__(self, image: Image, table_folders: TableFolders, files: list[Evidence]) -> None:
        super().__init__(image, table_folders, files)
        self._files = files

    def run(self) -> Outcome:
        """Replay all."""
        for file, reason in self._chains.unfit(self._table_folders):
            self._leave(file, reason)
        for file in self._files:
            if file.name in self._done:
                continue
            if file.kind not in {"data", "delete"}:
                self._leave(file, file.reason)
                continue
            if not self._table_folders.owns(file):
                self._leave(file, "lies in no folder that a table of DuckLake's could have")
                continue
            if file.kind == "delete":
                self._delete(file)
            elif file.snapshot_ids:
                self._compaction(file)
            elif file.row_ids:
                self._update([file])
            else:
                self._insert(file)
        tables = self._table_folders.touched
        next_row_ids = {id_: table.next_row_id for id_, table in self._filled.items()}
        edits = self._file_commits.finish(next_row_ids) if self._commits else []
        return Outcome(
            edits=edits,
            commits=self._commits,
            left=[LeftFile(name=name, reason=reason) for name, reason in sorted(self._left.items())],
            tables=[
                SalvagedTable(table=t.full_name, table_id=t.id, created=t.created, files=t.files, rows=t.rows)
                for t in tables
            ],
            unordered=self._unordered,
            doubtful=self._doubtful,
            missing=self._table_folders.missing(),
            snapshot=self._file_commits.snapshot,
        )

    # Inserts

    def _insert(self, file: Evidence) -> None:
        group = [file]
        if file.partition:
            for other in self._after(file):
                if other.kind != "data" or other.row_ids or other.snapshot_ids:
                    break
                if other.moment - group[-1].moment > _NEAR or other.partition in [f.partition for f in group]:
                    break
                group.append(other)
        self._begin(group[-1])
        what: list[str] = []
        table = self._table(group[0], what, whole=True)
        renewed = [(other, self._row_ids(other)) for other in self._renewed(file)]
        ordered, sure = in_row_order(group, table.next_row_id, [(o.partition, set(ids)) for o, ids in renewed])
        if not sure:
            self._unordered.add(table.full_name)
        for one in ordered:
            table = self._table(one, what, whole=True)
            deleted = self._chains.ever(one.basename)
            start, certain = past_gaps(self._connection, one, table.next_row_id, renewed, deleted)
            if not certain:
                self._unordered.add(table.full_name)
            self._add_file(table, one, start, None)
            table.next_row_id = start + one.rows
        self._commit(
            group, [*what, "insert"], "likely",
            "its files are whole, and nothing tells them from those of a writer that died before its commit",
        )  # fmt: skip

    # Deletes and updates

    def _delete(self, file: Evidence) -> None:
        table = self._table_folders.table(file)
        holder = table.holders.get(self._chains.base(file)) if table else None
        if table is None or holder is None:
            self._doubt(file, "deletes rows of a file that is not there or not shown any more")
            return
        fresh = holder.at(self._chains.positions(file) - holder.deleted)
        updates = self._anew(file, fresh)
        if updates:
            self._update(updates)
            if file.name in self._done:
                return
        group = [file]
        for other in self._after(file):
            near = other.kind == "delete" and other.moment - group[-1].moment <= _NEAR
            beside = table.holders.get(self._chains.base(other)) if near else None
            if beside is None or any(self._chains.base(other) == self._chains.base(one) for one in group):
                break
            more = beside.at(self._chains.positions(other) - beside.deleted)
            if self._anew(file, more):
                break
            group.append(other)
        self._begin(group[-1], group)
        for one in group:
            self._apply(table, one)
        self._commit(group, ["delete"], "proven", "a file of deletes names the rows' file")

    def _update(self, files: list[Evidence]) -> None:
        """Rows that were written anew: what they were before is deleted by files of deletes, or was all of a file."""
        table = self._table_folders.table(files[0])
        group = list(files)
        deletes: list[Evidence] = []
        if table is not None:
            group, deletes = self._belonging(table, group)
            reason = self._contradiction(table, group, deletes)
            if reason:
                for file in group:
                    self._doubt(file, reason)
                return
        ended = self._covered(table, group, deletes) if table else []
        rewritten = (
            bool(ended) and not deletes and table is not None and not any(holder.inlined for holder in ended)
            and (len(ended) > 1 or bool(ended[0].deleted))  # DuckLake rewrites a file only for its deletes
            and same_rows(self._connection, [f.path for f in group], ended)
        )  # fmt: skip
        if rewritten and not any(h.missing for h in ended) and not any(self._chains.named(f) for f in group):
            for file in group:
                self._leave(file, "was rewritten from files that are there, whose rows are shown")
            if table is not None and not any(holder.deleted for holder in ended):
                self._unordered.add(table.full_name)  # or updated to what they were, which takes row ids
            return
        shown = {id_ for holder in self._holders(table) for id_ in holder.live()} if table else set()
        self._begin(max([*group, *deletes], key=lambda f: f.moment), deletes)
        what: list[str] = []
        for file in group:
            table = self._table(file, what, whole=not rewritten)
            ids = self._row_ids(file)
            start = max(table.next_row_id, past(ids))
            self._add_file(table, file, None if rewritten else start, ids)
            table.next_row_id = start if rewritten else start + file.rows
            if not shown.issuperset(ids):
                self._unordered.add(table.full_name)
        assert table is not None
        for file in deletes:
            self._apply(table, file)
        self._end(table, ended, {id_ for file in group for id_ in self._row_ids(file)})
        sure: Sureness = "proven" if deletes or ended else "likely"
        why = (
            "a file of deletes takes away the rows that it has anew" if deletes
            else "it has all rows of a file anew" if ended
            else "it has rows anew that no file has which is there"
        )  # fmt: skip
        self._commit([*group, *deletes], [*what, "rewrite" if rewritten else "update"], sure, why)

    def _belonging(self, table: LakeTable, group: list[Evidence]) -> tuple[list[Evidence], list[Evidence]]:
        """All files of the commit that some are of."""
        deletes: list[Evidence] = []
        while True:
            ids = {id_ for file in group for id_ in self._row_ids(file)}
            more_deletes, wanted = [], set()
            for holder in table.holders.values():
                live = holder.live()
                if not live & ids:
                    continue
                following = self._chains.following(holder.name, self._done | {d.name for d in deletes})
                mine = [d for d in deletes if self._chains.base(d) == holder.name]
                if not mine and following is not None:
                    fresh = holder.at(self._chains.positions(following) - holder.deleted)
                    if fresh & ids:
                        more_deletes.append(following)
                        wanted |= fresh - ids
                        continue
                if not mine and not live <= ids:
                    wanted |= live - ids
            more = [
                file for file in self._carriers(group[0])
                if file not in group and wanted & set(self._row_ids(file)) and not ids & set(self._row_ids(file))
            ][:1]  # fmt: skip
            if not more and not more_deletes:
                return group, deletes
            group, deletes = group + more, deletes + more_deletes

    def _contradiction(self, table: LakeTable, group: list[Evidence], deletes: list[Evidence]) -> str:
        ids = {id_ for file in group for id_ in self._row_ids(file)}
        for holder in table.holders.values():
            remaining = self._remaining(holder, deletes)
            if remaining & ids and not remaining <= ids:
                return (
                    f"has rows anew that {holder.name} still shows with others: what would delete them there is "
                    "missing, as if its writer had died before its commit"
                )
        return ""

    def _covered(self, table: LakeTable, group: list[Evidence], deletes: list[Evidence]) -> list[Holder]:
        """What shows nothing any more besides rows that the group has."""
        ids = {id_ for file in group for id_ in self._row_ids(file)}
        found = [holder for holder in table.holders.values() if self._remaining(holder, deletes) & ids]
        return found + [holder for holder in table.inlined if holder.live() & ids]

    def _remaining(self, holder: Holder, deletes: list[Evidence]) -> set[int]:
        mine = [self._chains.positions(d) for d in deletes if self._chains.base(d) == holder.name]
        return holder.live() - holder.at(set().union(*mine))

    # Compaction

    def _compaction(self, file: Evidence) -> None:
        """A file that a merge or a flush made of rows of several snapshots."""
        table = self._table_folders.table(file)
        if table is not None and not related(table, file):
            self._doubt(file, "has columns of other types: it is of another table that had the folder, or has it")
            return
        snapshots = snapshot_ids(self._connection, file.path)
        newer = any(snapshot > self._file_commits.head for snapshot in snapshots)
        start = None
        held: list[Holder] = []
        if file.row_ids:
            ids = self._row_ids(file)
            held = self._held(table, set(ids)) if table else []
        else:
            held = find_sources(self._connection, table, file, snapshots, self._file_commits.head) if table else []
            if not held:
                if newer:
                    self._stand_in(file)
                else:
                    self._leave(file, "holds rows of snapshots that the catalog knows, merged")
                return
            start = held[0].start or 0
            ids = list(range(start, start + file.rows))
        shown = {id_ for holder in held for id_ in holder.live()}
        if table is not None and any(holder.inlined for holder in held):
            self._flushed(table, set(ids), held)
        # DuckLake 0.3 gives the rows of an update new row ids where it merges their file as one of an insert's.
        changed = not file.row_ids and any(holder.ids is not None for holder in held)
        needed = changed or self._chains.named(file) or any(holder.missing for holder in held)
        if set(ids) <= shown and not needed:
            self._leave(file, "was merged from rows that are shown from where they are")
            return
        if not held and not newer:
            self._leave(file, "holds rows of snapshots that the catalog knows, merged")
            return
        if not changed and any(not holder.inlined and not holder.live() <= set(ids) for holder in held):
            self._doubt(file, "was merged from rows that are shown with others that it has not")
            return
        self._begin(file)
        what: list[str] = []
        table = self._table(file, what, whole=False)
        self._add_file(table, file, start, ids if file.row_ids else None)
        table.next_row_id = max(table.next_row_id, past(ids))
        self._end(table, held, set(ids))
        if not set(ids) <= shown and not changed:
            self._unordered.add(table.full_name)
        whole = changed or set(ids) <= shown
        why = (
            "it holds the rows of files that are gone, or that later deletes speak of" if whole
            else "it holds rows that no other file has which is there"
        )  # fmt: skip
        self._commit([file], [*what, "rewrite" if whole else "insert"], "proven" if whole else "likely", why)

    def _stand_in(self, file: Evidence) -> None:
        self._begin(file)
        what: list[str] = []
        table = self._table(file, what, whole=False)
        self._unordered.add(table.full_name)
        self._add_file(table, file, table.next_row_id, None)
        table.next_row_id += file.rows
        self._commit([file], [*what, "insert"], "guess", "it was merged from files of which none is there")

    def _held(self, table: LakeTable, ids: set[int]) -> list[Holder]:
        return [holder for holder in self._holders(table) if holder.live() & ids]

    def _holders(self, table: LakeTable) -> list[Holder]:
        return [*table.holders.values(), *table.inlined]

    # What all have in common

    def _after(self, file: Evidence) -> list[Evidence]:
        """The files of the table that come after one, and that were not taken."""
        return [
            other
            for other in self._files[self._files.index(file) + 1 :]
            if other.folder == file.folder and other.kind in {"data", "delete"} and other.name not in self._done
        ]

    def _carriers(self, file: Evidence) -> list[Evidence]:
        """Files of the table that have rows anew, and that were not taken."""
        return [
            other
            for other in self._files
            if other.folder == file.folder and other.kind == "data" and other.row_ids and not other.snapshot_ids
            and other.name not in self._done
        ]  # fmt: skip

    def _renewed(self, file: Evidence) -> list[Evidence]:
        """All files of the table that have rows of others, with their ids."""
        return [o for o in self._files if o.folder == file.folder and o.kind == "data" and o.row_ids]

    def _anew(self, file: Evidence, gone: set[int]) -> list[Evidence]:
        """The files that have rows anew of those that a commit deletes; later updates may have them once more."""
        found = []
        for other in self._carriers(file):
            ids = set(self._row_ids(other))
            if gone & ids:
                found.append(other)
                gone = gone - ids
        return found
