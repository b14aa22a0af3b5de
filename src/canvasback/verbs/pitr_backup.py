"""pitr backup: the tool that keeps the archive of a catalog's server makes a base backup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from canvasback.errors import LakeError, RefusedError, UsageError
from canvasback.model.clock import now
from canvasback.model.lake import parse_lake
from canvasback.model.plans.pitr_backup import PitrBackupPlan
from canvasback.model.results.pitr_backup import PitrBackupResult
from canvasback.model.wal_archive import WalArchive
from canvasback.postgres.server import ServerFacts, ask_server
from canvasback.postgres.shown_commits import commits_after, refuse_other_lake
from canvasback.postgres.tool_archives import archive_of_tool
from canvasback.repository.commit_map import last_commit, record_commits
from canvasback.repository.repository import open_repository
from canvasback.storage.foreign_errors import translates_errors
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run


@translates_errors
def pitr_backup(
    lake: str,
    repository: str,
    *,
    stanza: str | None = None,
    barman_server: str | None = None,
    full: bool = False,
    dry_run: bool = False,
    stores: Stores | None = None,
    clock: Callable[[], datetime] = now,
) -> PitrBackupResult:
    """Have pgBackRest or Barman make a base backup of the server that holds a catalog, and note its commits.

    It runs where the tool is installed and configured, as the user who runs the tool. The lake's files are saved by
    `backup` and `watch`.

    Args:
        lake: The lake, as in ATTACH; its catalog is in PostgreSQL.
        repository: The repository in which commits are noted, a folder or a URL.
        stanza: The stanza of pgBackRest.
        barman_server: The server of Barman.
        full: Ask pgBackRest for one that rests on no other; what it makes else its own configuration says. Barman has
            that in its configuration only.
        dry_run: Change nothing.
        stores: How to reach object stores.
        clock: Tells the time.

    Raises:
        UsageError: No archive is named, or two (``which-archive``, ``two-archives``), or its tool is not here or does
            not know it (``archive-tool-missing``, ``archive-missing``), or root asks pgBackRest (``not-as-root``).
        RefusedError: The repository is of another lake (``other-lake``), or the archive of another cluster
            (``other-archive``).
        LakeError: The server cannot be asked, or the tool failed (``archive-tool-failed``).
    """
    archive = archive_of_tool(stanza, barman_server)
    if archive is None:
        raise UsageError(
            "which-archive",
            "no archive is named",
            hint="Name one of --stanza and --barman-server; pitr run makes base backups by itself.",
        )
    archive.refuse_user()
    run = Run.begin(stores=stores, clock=clock)
    name = parse_lake(lake)
    opened = open_repository(run.stores, repository)
    facts = ask_server(name)
    refuse_other_lake(name, opened.marker.lake_id)
    before = archive.read()
    _refuse_foreign(before, facts)
    last = last_commit(opened.store)
    commits = commits_after(name, last)
    newest = commits[-1] if commits else last
    plan = PitrBackupPlan(archive=before.name, commits=len(commits), full=full)
    made = None
    if not dry_run:
        record_commits(opened.store, commits, run.now())
        archive.make_base(full=full)
        known = archive.read()
        _refuse_foreign(known, facts)
        there = {base.label for base in before.bases or ()}
        made = next((base for base in reversed(known.bases or ()) if base.label not in there), None)
        if made is None:
            raise LakeError(
                "archive-tool-failed",
                f"{before.name} has no more base backups than before, although its tool says nothing of a failure",
                hint="See what the tool lists, and its log.",
            )
    return PitrBackupResult(
        lake=str(name),
        repository=opened.store.url,
        archive=plan.archive,
        system=str(facts.system),
        base=made.label if made is not None else "",
        stop=str(made.stop) if made is not None else "",
        bytes=made.bytes if made is not None else 0,
        noted=plan.commits,
        snapshot_id=newest.snapshot_id if newest is not None else None,
        seconds=run.seconds,
        steps=plan.steps,
        dry_run=dry_run,
    )


def _refuse_foreign(archive: WalArchive, facts: ServerFacts) -> None:
    """See that an archive is of that server, as far as it says.

    Raises:
        RefusedError: It is not (``other-archive``).
    """
    if archive.system and archive.system != str(facts.system):
        raise RefusedError(
            "other-archive",
            f"{archive.name} is of the cluster {archive.system}, and the catalog's server is {facts.system}",
            hint="Name the archive of the server that holds the catalog.",
        )
