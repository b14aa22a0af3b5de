"""Where PostgreSQL has to stop is told so that pgBackRest, Barman and PostgreSQL itself stop at exactly that commit."""

from __future__ import annotations

import gzip
import shlex
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

import canvasback
from canvasback.catalog.engines import open_engine
from canvasback.catalog.reading.commit_positions import commit_positions
from canvasback.errors import LakeError, RefusedError, UsageError
from canvasback.model.lake import parse_lake
from canvasback.model.wal import Lsn, Segment
from canvasback.repository.commit_map import read_commits, record_commits
from canvasback.repository.repository import open_repository
from canvasback.storage.locations import Stores
from tests.archives import BARMAN, BIN, FILES, OWNER, STANZA, Archived, Cluster, archived, as_owner, being_owner
from tests.cli.running import Place, Ran
from tests.clusters import cluster
from tests.lake.answers import wrong_answers
from tests.lake.builder import Lake, session
from tests.lake.folded import two_files

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST = 6
"""The newest snapshot that both archives have; there is one more."""


@pytest.fixture(scope="module")
def server() -> Iterator[Archived]:
    """A server with a base backup of each tool, commits before and after them, and one that nobody archived yet."""
    with archived() as server:
        with session(server.attach, f"DATA_PATH '{server.folder}/lake'", *FILES) as connection:
            connection.execute("CREATE TABLE lake.t (i INTEGER)")
        canvasback.init(server.attach, repository(server))
        server.commit("INSERT INTO lake.t VALUES (2)")
        server.psql("CREATE DATABASE folded")
        server.pgbackrest("backup", "--type=full")
        server.archive()
        server.barman("backup", "--wait", BARMAN)
        time.sleep(1.1)  # tools tell in whole seconds when a backup ended
        assert server.commit("INSERT INTO lake.t VALUES (3)", "INSERT INTO lake.t VALUES (4)") == 4
        canvasback.backup(server.attach, repository(server))
        server.commit("INSERT INTO lake.t VALUES (5)")
        server.psql("SELECT pg_switch_wal()")
        assert server.commit("DELETE FROM lake.t WHERE i = 2") == LAST
        server.truth = two_files(folded(server), interleaved=True)
        folded(server).backup()
        noted = "INSERT INTO noted VALUES ('{}', pg_current_xact_id())"
        server.psql("CREATE TABLE noted (what text, xid xid8)", "folded")
        server.aborted = server.psql("BEGIN; CREATE TABLE u (); SELECT pg_current_xact_id(); ROLLBACK", "folded")
        server.psql(
            f"BEGIN; {noted.format('outer')}; SAVEPOINT s; {noted.format('inner')}; RELEASE s; COMMIT", "folded"
        )
        server.archive()
        server.commit("INSERT INTO lake.t VALUES (7)")
        yield server


@pytest.fixture(autouse=True)
def configured(server: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both tools find their configuration as they do by themselves."""
    monkeypatch.setenv("PGBACKREST_CONFIG", f"{server.folder}/pgbackrest.conf")
    monkeypatch.setenv("HOME", str(server.folder))
    if not (server.folder / ".barman.conf").exists():
        shutil.copy(server.folder / "barman.conf", server.folder / ".barman.conf")


def repository(server: Archived) -> str:
    """Where the lake's repository is."""
    return f"{server.folder}/repository"


def folded(server: Archived) -> Lake:
    """Another lake of that server, of which DuckLake's delete files say wrong numbers."""
    return Lake(server.folder / "folded", options=FILES, elsewhere=f"ducklake:postgres:{server.string('folded')}")


def segments(server: Archived) -> str:
    """A folder that has the archived segments: Barman's, which keeps them as they are."""
    return f"{server.folder}/barman/{BARMAN}/wals/0000000100000000"


def snapshots(cluster: Cluster) -> str:
    """The newest snapshot that a cluster shows."""
    return cluster.psql("SELECT max(snapshot_id) FROM ducklake_snapshot")


@contextmanager
def recovering(server: Archived, data: Path, **settings: str) -> Iterator[Cluster]:
    """A cluster that somebody put into a folder, once its recovery stands still."""
    with (data / "postgresql.auto.conf").open("a") as written:
        written.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    cluster = Cluster(server.folder, data, 5433)
    try:
        cluster.start("-c archive_mode=off")
        while cluster.psql("SELECT pg_get_wal_replay_pause_state()") != "paused":
            time.sleep(0.05)  # it lets one look before; one that has ended its recovery refuses the question
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(data)


def test_pgbackrest_stops_where_it_is_told_to(server: Archived) -> None:
    found = canvasback.pitr_target(server.attach, repository(server), to_snapshot=5, stanza=STANZA)
    assert (found.kind, found.findings, found.services) == ("lsn", (), ())
    assert found.archive is not None
    assert found.archive.reached
    [of_postgres, of_pgbackrest, of_us] = found.instructions
    restore = f"canvasback pitr restore LAKE -r {repository(server)} --to-snapshot 5 --pgdata PGDATA"
    assert of_us.lines == (f"{restore} --stanza {STANZA}",)
    [command] = of_pgbackrest.lines
    data = server.folder / "recovered"
    config = f"--config={server.folder}/pgbackrest.conf"
    as_owner(*shlex.split(command), config, f"--pg1-path={data}")
    with recovering(server, data) as cluster:
        assert snapshots(cluster) == "5"
        # A server that recovers tells the transactions, and no position: what shows there it may be about to count.
        with open_engine(parse_lake(f"ducklake:postgres:{cluster.string()}")).read() as image:
            shown = commit_positions(image, None, 1)
    [commit] = shown
    assert (commit.snapshot_id, commit.after, commit.timeline) == (5, "", 1)
    assert (commit.system, commit.xid) == (found.system, found.xid)
    assert of_postgres.lines[:2] == (f"recovery_target_lsn = '{found.lsn}'", "recovery_target_inclusive = 'on'")


def test_barman_stops_where_it_is_told_to(server: Archived) -> None:
    found = canvasback.pitr_target(server.attach, repository(server), to_snapshot=3, barman_server=BARMAN)
    assert (found.kind, found.findings) == ("lsn", ())
    [_, of_barman, _] = found.instructions
    program, *arguments, data = shlex.split(of_barman.lines[0])
    assert (program, data) == ("barman", "PGDATA")
    server.barman(*arguments, str(server.folder / "recovered"))
    with recovering(server, server.folder / "recovered") as cluster:
        assert snapshots(cluster) == "3"


@pytest.mark.parametrize(("stanza", "barman"), [(STANZA, None), (None, BARMAN)])
def test_a_restore_with_a_tool_brings_the_lake_back(server: Archived, stanza: str | None, barman: str | None) -> None:
    data, lake, lost = server.folder / "back", server.folder / "lake", server.folder / "lost"
    lake.rename(lost)
    try:
        result = canvasback.pitr_restore(
            server.attach, repository(server), pgdata=str(data), to_snapshot=4, stanza=stanza, barman_server=barman
        )
        assert (result.snapshot_id, result.findings, result.lost_files) == (4, (), 0)
        assert result.returned_files == 3
        cluster = Cluster(server.folder, data, 5433)
        cluster.start("-c archive_mode=off")
        try:
            attach = server.attach.replace("port=5432", "port=5433")
            with session(attach, *FILES) as connection:
                assert wrong_answers(connection, thorough=False) == []
                assert connection.execute("SELECT list(i ORDER BY i) FROM lake.t").fetchall() == [([2, 3, 4],)]
                connection.execute("INSERT INTO lake.t VALUES (9)")
                assert connection.execute("SELECT max(i) FROM lake.t").fetchall() == [(9,)]
            # What came after the recovery is on a timeline of its own, in whose first segment the one before ends.
            later = canvasback.pitr_target(attach, repository(server), to_snapshot=5, from_wal=f"{data}/pg_wal")
            assert (later.timeline, later.kind, later.findings) == (2, "lsn", ())
            assert later.archive is not None
            assert later.archive.last_segment.startswith("00000002")
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(lake, ignore_errors=True)
        lost.rename(lake)


def test_what_nobody_noted_is_found_and_a_segment_that_is_missing_is_named(server: Archived) -> None:
    """A tool does not say which segments it has: the recovery finds out, and leaves nothing behind."""
    data = server.folder / "back"
    noted = f"{server.folder}/noted"
    canvasback.init(server.attach, noted)
    canvasback.backup(server.attach, noted)

    def restore(repository: str, *, dry_run: bool = False) -> canvasback.PitrRestoreResult:
        return canvasback.pitr_restore(
            server.attach, repository, pgdata=str(data), to_snapshot=LAST, barman_server=BARMAN, dry_run=dry_run
        )

    plan = restore(repository(server), dry_run=True)
    assert plan.lsn == canvasback.pitr_target(server.attach, noted, to_snapshot=LAST, barman_server=BARMAN).lsn
    number = Segment.holding(1, Lsn.parse(plan.lsn)).number - 1
    gone = Path(segments(server)) / Segment(1, number).name
    kept = gone.rename(gone.with_suffix(".kept"))
    try:
        with pytest.raises(LakeError, match=f"the archive has no {gone.name}") as failed:
            restore(noted)
    finally:
        kept.rename(gone)
    assert failed.value.code == "recovery-failed"
    assert not data.exists()


def test_a_recovery_has_the_rows_that_the_catalog_cannot_tell(server: Archived) -> None:
    lake = folded(server)
    rewound = canvasback.rewind(lake.attach, to_snapshot=5, dry_run=True)
    [finding] = rewound.findings
    assert finding.code == "deletes-uncertain"
    assert finding.cure.endswith("run pitr target, which says whether it reaches the snapshot.")
    with session(lake.attach, "READ_ONLY") as connection:
        assert len(connection.execute("SELECT i FROM lake.t AT (VERSION => 5)").fetchall()) != server.truth[5]
    data = server.folder / "back"
    canvasback.pitr_restore(lake.attach, lake.repository, pgdata=str(data), to_snapshot=5, stanza=STANZA)
    cluster = Cluster(server.folder, data, 5433)
    cluster.start("-c archive_mode=off")
    try:
        with session(lake.attach.replace("port=5432", "port=5433"), "READ_ONLY") as connection:
            assert len(connection.execute("SELECT i FROM lake.t").fetchall()) == server.truth[5]
    finally:
        cluster.stop()
        shutil.rmtree(data)


def test_postgresql_stops_at_a_transaction_too(server: Archived) -> None:
    """Without an archive the transaction is all that is known; the catalog's own time is a commit too early."""
    found = canvasback.pitr_target(server.attach, repository(server), to_snapshot=4)
    assert (found.kind, found.lsn, found.archive) == ("xid", "", None)
    [of_postgres, *_] = found.instructions
    settings = dict(line.split(" = ", 1) for line in of_postgres.lines)
    data, config = server.folder / "recovered", f"--config={server.folder}/pgbackrest.conf"
    as_owner("pgbackrest", config, f"--stanza={STANZA}", "--type=none", f"--pg1-path={data}.base", "restore")
    as_owner("touch", f"{data}.base/recovery.signal")
    restore = f"pgbackrest {config} --stanza={STANZA} --pg1-path={data} archive-get %f %p"
    for target, newest in (
        ({name: value.strip("'") for name, value in settings.items() if name != "restore_command"}, "4"),
        ({"recovery_target_time": str(found.snapshot_time), "recovery_target_inclusive": "on"}, "3"),
    ):
        as_owner("cp", "-a", f"{data}.base", data)
        with recovering(server, data, restore_command=restore, **target) as cluster:
            assert snapshots(cluster) == newest


def test_a_folder_of_segments_tells_the_same_position(server: Archived, tmp_path: Path) -> None:
    by_tool = canvasback.pitr_target(server.attach, repository(server), to_snapshot=5, stanza=STANZA)
    folder = segments(server)
    found = canvasback.pitr_target(server.attach, repository(server), to_snapshot=5, from_wal=folder)
    assert (found.lsn, found.committed) == (by_tool.lsn, by_tool.committed)
    assert found.committed is not None
    assert found.snapshot_time < found.committed
    assert found.archive is not None
    assert found.archive.reached is None  # nobody knows of base backups
    # Compressed, and found by a time: one at which the commit was there and the next was not.
    shutil.copytree(folder, tmp_path / "wal")
    for segment in sorted((tmp_path / "wal").iterdir())[::2]:
        segment.with_name(f"{segment.name}.gz").write_bytes(gzip.compress(segment.read_bytes(), 1))
        segment.unlink()
    again = canvasback.pitr_target(
        server.attach, repository(server), to_time=found.snapshot_time, from_wal=str(tmp_path / "wal")
    )
    assert (again.snapshot_id, again.lsn) == (5, found.lsn)
    # The server's own folder has what nobody archived yet, and old files under names that are still to come.
    own = tmp_path / "own"
    shutil.copytree(f"{server.data}/pg_wal", own, ignore=shutil.ignore_patterns("archive_status"))
    last = server.psql("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    shutil.copy(own / last, own / Segment.parse(last).following.name)
    newest = canvasback.pitr_target(server.attach, repository(server), to_snapshot=LAST + 1, from_wal=str(own))
    assert (newest.kind, newest.findings) == ("lsn", ())
    assert newest.archive is not None
    assert newest.archive.last_segment == last


def test_it_is_said_to_people_and_to_programs(server: Archived, tmp_path: Path) -> None:
    place = Place(tmp_path)

    def run(*arguments: str) -> Ran:
        return place.run(*arguments, HOME=str(server.folder), PGBACKREST_CONFIG=f"{server.folder}/pgbackrest.conf")

    asked = ("pitr", "target", server.attach, "-r", repository(server), "--to-snapshot", "4")
    ran = run(*asked, "--stanza", STANZA, "--json")
    assert (ran.code, ran.err) == (0, "")
    result = msgspec.json.decode(ran.out, type=canvasback.PitrTargetResult, strict=True)
    assert (result.snapshot_id, result.kind) == (4, "lsn")
    text = run(*asked, "--stanza", STANZA).out
    assert f"position     {result.lsn}\n" in text
    assert "a recovery reaches the snapshot\n" in text
    assert f"    pgbackrest --stanza={STANZA} --type=lsn --target={result.lsn} " in text
    # Without an archive there is more to tell, and with one that does not reach it there is a finding.
    text = run(*asked).out
    assert f"position     before {result.after}\n" in text
    assert " --type=xid " in text
    assert "aws rds restore-db-instance-to-point-in-time " in text
    assert text.endswith(f"canvasback rewind LAKE --to-snapshot 4 -r {repository(server)}\n")
    early = run(*asked[:-1], "1", "--barman-server", BARMAN)
    assert (early.code, early.err) == (3, "")
    assert "no recovery reaches the snapshot\n" in early.out
    assert "[target-before-base]" in early.out


def test_what_is_not_in_reach_is_told_with_what_is(server: Archived, tmp_path: Path) -> None:
    before = canvasback.pitr_target(server.attach, repository(server), to_snapshot=1, stanza=STANZA)
    [finding] = before.findings
    assert (finding.code, finding.severity) == ("target-before-base", "error")
    assert finding.cure == "What can be reached with it: snapshots 3 to 4."  # what is noted
    assert before.archive is not None
    assert before.archive.reached is False
    for stanza, barman in ((STANZA, None), (None, BARMAN)):
        after = canvasback.pitr_target(
            server.attach, repository(server), to_snapshot=LAST + 1, stanza=stanza, barman_server=barman
        )
        assert [finding.code for finding in after.findings] == ["target-after-archive"]
        assert after.findings[0].cure.endswith("What can be reached with it: snapshots 3 to 4.")
    # A segment is gone that can have it.
    found = canvasback.pitr_target(server.attach, repository(server), to_snapshot=5, stanza=STANZA)
    shutil.copytree(segments(server), tmp_path / "wal")
    gone = Segment.holding(1, Lsn.parse(found.lsn)).name
    (tmp_path / "wal" / gone).unlink()
    gap = canvasback.pitr_target(server.attach, repository(server), to_snapshot=5, from_wal=str(tmp_path / "wal"))
    assert [finding.code for finding in gap.findings] == ["target-after-archive", "commit-not-archived"]
    assert gone in gap.findings[1].message
    assert gap.kind == "xid"


def test_transactions_that_are_no_commits_are_seen_through(server: Archived) -> None:
    """A row that was written behind a savepoint has the number of what ends with another; a copy may name anything."""
    lake = folded(server)
    store = open_repository(Stores(), lake.repository).store
    known = read_commits(store)[0].commits[-1]
    inner, outer = server.psql("SELECT string_agg(xmin::text, ',' ORDER BY what) FROM noted", "folded").split(",")
    for snapshot, xid in ((101, inner), (102, server.aborted)):
        made = msgspec.structs.replace(known, snapshot_id=snapshot, xid=int(xid), after="")
        record_commits(store, [made], known.snapshot_time)
    within = canvasback.pitr_target(lake.attach, lake.repository, to_snapshot=101, stanza=STANZA)
    assert (str(within.xid), within.kind, within.findings) == (outer, "lsn", ())
    rolled_back = canvasback.pitr_target(lake.attach, lake.repository, to_snapshot=102, stanza=STANZA)
    assert rolled_back.kind == "xid"
    assert "commit-rolled-back" in rolled_back.finding_counts
    assert rolled_back.archive is not None
    assert not rolled_back.archive.reached
    with pytest.raises(RefusedError) as refused:
        canvasback.pitr_restore(lake.attach, lake.repository, pgdata="/nowhere", to_snapshot=102, stanza=STANZA)
    assert refused.value.code == "commit-rolled-back"


def test_another_clusters_archive_is_recognized(server: Archived) -> None:
    other = server.folder / "other"
    as_owner(BIN / "initdb", "-D", other, "-U", "postgres", "-A", "trust", "--no-sync")
    found = canvasback.pitr_target(server.attach, repository(server), to_snapshot=4, from_wal=str(other / "pg_wal"))
    assert [finding.code for finding in found.findings] == ["archive-foreign"]
    assert found.system in found.findings[0].message


def test_bad_requests(server: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attach, where = server.attach, repository(server)
    requests: list[tuple[dict[str, object], type[Exception], str]] = [
        ({}, UsageError, "no-moment"),
        ({"to_snapshot": 1, "to_time": "now"}, UsageError, "two-moments"),
        ({"to_snapshot": 999}, RefusedError, "commit-not-mapped"),
        ({"to_time": "2001-01-01"}, RefusedError, "commit-not-mapped"),
        ({"to_snapshot": 3, "stanza": "a", "barman_server": "b"}, UsageError, "two-archives"),
        ({"to_snapshot": 3, "stanza": "nobody"}, UsageError, "archive-missing"),
        ({"to_snapshot": 3, "barman_server": "nobody"}, UsageError, "archive-missing"),
        ({"to_snapshot": 3, "from_wal": str(tmp_path / "nowhere")}, UsageError, "archive-missing"),
        ({"to_snapshot": 3, "from_wal": segments(server), "bindir": "/bin"}, UsageError, "programs-missing"),
    ]
    for given, kind, code in requests:
        with pytest.raises(kind) as refused:
            canvasback.pitr_target(attach, where, **given)  # type: ignore[arg-type]
        assert getattr(refused.value, "code", "") == code, given
        assert getattr(refused.value, "hint", "").endswith("."), given
    monkeypatch.setenv("PGBACKREST_CONFIG", "/nowhere")
    with pytest.raises(LakeError, match=r"pgbackrest failed: .*/nowhere.*archive-tool-failed"):
        canvasback.pitr_target(attach, where, to_snapshot=3, stanza=STANZA)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="there is no program pgbackrest"):
        canvasback.pitr_target(attach, where, to_snapshot=3, stanza=STANZA)
    with pytest.raises(UsageError, match="not-postgres"):
        canvasback.pitr_target("ducklake:x.ducklake", where, to_snapshot=1)


def test_a_server_that_is_gone_is_no_hindrance(server: Archived) -> None:
    gone = server.attach.replace("port=5432", "port=5499")
    found = canvasback.pitr_target(gone, repository(server), to_snapshot=4, stanza=STANZA)
    assert (found.kind, found.findings) == ("lsn", ())
    with pytest.raises(RefusedError) as refused:
        canvasback.pitr_target(gone, repository(server), to_snapshot=5)
    assert refused.value.hint.startswith("Snapshots from 0 to 4 are noted. ")


@pytest.mark.parametrize(("stanza", "barman"), [(STANZA, None), (None, BARMAN)])
def test_a_tool_is_asked_for_a_base_backup_from_which_later_commits_come_back(
    server: Archived, stanza: str | None, barman: str | None
) -> None:
    noted = f"{server.folder}/noted-{stanza}"
    full = stanza is not None

    def ask(*, dry_run: bool) -> canvasback.PitrBackupResult:
        return canvasback.pitr_backup(
            server.attach, noted, stanza=stanza, barman_server=barman, full=full, dry_run=dry_run
        )

    before = server.commit("INSERT INTO lake.t VALUES (10)")
    canvasback.pitr_target(server.attach, repository(server), to_snapshot=5)  # so that all of it is loaded
    if full and OWNER:
        with pytest.raises(UsageError, match="not-as-root"):
            ask(dry_run=True)
    with being_owner():
        canvasback.init(server.attach, noted)
        planned = ask(dry_run=True)
        assert (planned.base, planned.noted, planned.snapshot_id) == ("", before + 1, before)
        made = ask(dry_run=False)
    assert (made.steps, made.noted, made.snapshot_id) == (planned.steps, before + 1, before)
    assert made.system == server.psql("SELECT system_identifier FROM pg_control_system()")
    assert made.bytes
    listed = server.pgbackrest("info") if full else server.barman("list-backups", BARMAN)
    assert made.base in listed
    if full:
        assert made.base.endswith("F")
    time.sleep(1.1)  # tools tell in whole seconds when a backup ended
    after = server.commit("INSERT INTO lake.t VALUES (11)")
    assert canvasback.backup(server.attach, noted).snapshot_id == after
    server.commit("INSERT INTO lake.t VALUES (12)")
    server.archive()
    found = canvasback.pitr_target(server.attach, noted, to_snapshot=after, stanza=stanza, barman_server=barman)
    assert found.archive is not None
    assert (found.archive.reached, found.archive.base, found.findings) == (True, made.base, ())


def test_a_base_backup_is_asked_of_the_right_archive_only(server: Archived, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which-archive"):
        canvasback.pitr_backup(server.attach, repository(server))
    with pytest.raises(UsageError, match="two-archives"):
        canvasback.pitr_backup(server.attach, repository(server), stanza=STANZA, barman_server=BARMAN)
    with pytest.raises(UsageError, match="archive-missing"):
        canvasback.pitr_backup(server.attach, repository(server), barman_server="nobody's")
    with pytest.raises(RefusedError, match="other-lake"):
        canvasback.pitr_backup(folded(server).attach, repository(server), barman_server=BARMAN)
    with cluster(tmp_path, 15) as other:
        other.psql("CREATE DATABASE lake")
        lake, theirs = f"ducklake:postgres:{other.conninfo()}", f"{tmp_path}/repository"
        with session(lake, f"DATA_PATH '{tmp_path}/files/'"):
            pass
        canvasback.init(lake, theirs)
        with pytest.raises(RefusedError, match="other-archive"):
            canvasback.pitr_backup(lake, theirs, barman_server=BARMAN)
