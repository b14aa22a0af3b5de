"""Sealed repositories: who can read one, what whoever cannot learns of it, and what becomes of changed objects."""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import msgspec
import pytest

import canvasback
from canvasback import CanvasbackError, CorruptError, RefusedError, Secrets, Stores, UsageError
from canvasback.storage import age
from tests.lake import builder
from tests.lake.answers import wrong_answers
from tests.lake.builder import Contents, Lake, read
from tests.lake.values import literal
from tests.sealing import Person

HISTORY = (
    "CREATE SCHEMA lake.plover",
    "CREATE TABLE lake.plover.wigeon (i BIGINT, teal VARCHAR)",
    "INSERT INTO lake.plover.wigeon SELECT range, 'gadwall ' || range FROM range(3000)",
    "INSERT INTO lake.plover.wigeon VALUES (7000, 'smew')",
    "DELETE FROM lake.plover.wigeon WHERE i % 7 = 0",
)
TELLING = ("plover", "wigeon", "teal", "gadwall", "smew", "ducklake-", "main/", "lake/data", "AGE-SECRET")
"""What stands in the names, rows, bounds and paths of that lake."""


@dataclass
class Sealed:
    """A lake with a sealed repository, and somebody who can open it."""

    lake: Lake
    data: bool
    owner: Person = field(default_factory=Person)

    @property
    def repository(self) -> str:
        return self.lake.repository

    @property
    def stores(self) -> Stores:
        return self.owner.stores

    def backup(self, *, full: bool = False) -> str:
        result = canvasback.backup(self.lake.attach, self.repository, full=full, stores=self.stores)
        assert not result.findings
        return result.point

    def restored(self, folder: Path, point: str | None = None, *, repository: str = "") -> Contents:
        """What the real extension reads of a point at a new place, where it answers as it should."""
        attach = f"ducklake:{folder}.ducklake"
        where = repository or self.repository
        assert not canvasback.restore(attach, where, point, data_path=str(folder), stores=self.stores).findings
        with builder.session(attach) as connection:
            assert wrong_answers(connection) == []
        return read(attach)

    def object(self, pattern: str) -> Path:
        """One of some objects of the repository, always the same."""
        return max(Path(self.repository).glob(pattern))


@pytest.fixture(params=["encrypted lake", "sealed data"])
def sealed(request: pytest.FixtureRequest, tmp_path: Path) -> Sealed:
    """Both ways in which data files cannot be read, the lake's own and ours."""
    data = request.param == "sealed data"
    options = ("DATA_INLINING_ROW_LIMIT 5", *(() if data else ("ENCRYPTED",)))
    lake = Lake(tmp_path / "lake", options=options)
    lake.run(*HISTORY)
    made = Sealed(lake, data)
    canvasback.init(lake.attach, lake.repository, recipients={"ops": made.owner.key}, seal_data=data)
    return made


@contextmanager
def refused(code: str, kind: type[CanvasbackError] = RefusedError) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.code == code


def keys_of(lake: Lake) -> list[str]:
    """The keys of an encrypted lake's files."""
    with duckdb.connect(str(lake.catalog), read_only=True) as catalog:
        rows = catalog.execute("SELECT encryption_key FROM ducklake_data_file WHERE encryption_key NOTNULL").fetchall()
    return [key for (key,) in rows]


@pytest.mark.versions
def test_a_lake_comes_back_and_the_repository_tells_nothing_of_it(sealed: Sealed, tmp_path: Path) -> None:
    first, truth = sealed.backup(), sealed.lake.read()
    sealed.lake.run("INSERT INTO lake.plover.wigeon SELECT range, 'gadwall' FROM range(100)")
    second, later = sealed.backup(), sealed.lake.read()

    secrets = [*TELLING, *keys_of(sealed.lake)]
    secrets += [base64.b64decode(key).decode("latin-1") for key in keys_of(sealed.lake)]
    assert sealed.data or len(secrets) > len(TELLING)
    for path in Path(sealed.repository).rglob("*"):
        told = str(path.relative_to(sealed.repository))
        told += path.read_bytes().decode("latin-1") if path.is_file() else ""
        assert [secret for secret in secrets if secret in told] == [], path

    assert not canvasback.verify(sealed.repository, all_points=True, level="rows", stores=sealed.stores).findings
    assert sealed.restored(tmp_path / "first", first) == truth
    assert sealed.restored(tmp_path / "second", second) == later
    sealed.lake.delete()
    assert not canvasback.restore(sealed.lake.attach, sealed.repository, stores=sealed.stores).findings
    assert sealed.lake.read() == later


def test_nothing_is_copied_twice_and_what_was_torn_is_put_right(sealed: Sealed) -> None:
    sealed.backup()
    copies = {path: path.stat().st_mtime_ns for path in Path(sealed.repository, "data").rglob("*") if path.is_file()}
    sealed.lake.run("INSERT INTO lake.plover.wigeon SELECT range, 'gadwall' FROM range(100)")
    sealed.backup()
    assert {path: path.stat().st_mtime_ns for path in copies} == copies

    torn = next(iter(copies))
    torn.write_bytes(torn.read_bytes()[:200])
    damaged = canvasback.verify(sealed.repository, stores=sealed.stores)
    assert set(damaged.finding_counts) == {"object-size"}
    sealed.backup(full=True)
    assert not canvasback.verify(sealed.repository, all_points=True, level="checksum", stores=sealed.stores).findings


def test_an_attached_point_opens_with_the_key_in_the_session(tmp_path: Path) -> None:
    sealed = Sealed(Lake(tmp_path / "lake", options=("ENCRYPTED",)), data=False)
    sealed.lake.run(*HISTORY)
    canvasback.init(sealed.lake.attach, sealed.repository, recipients={"ops": sealed.owner.key})
    sealed.backup()
    canvasback.key_rotate(sealed.repository, stores=sealed.stores)
    sealed.lake.run("INSERT INTO lake.plover.wigeon VALUES (8000, 'scaup')")
    sealed.backup()
    attached = canvasback.attach(sealed.repository, out=str(tmp_path / "point.ducklake"), stores=sealed.stores)
    assert set(attached.finding_counts) == {"needs-key"}
    for key in canvasback.key_sql(sealed.repository, stores=sealed.stores).statements:
        assert re.findall(r"'([^']{40,})'", key)[0].encode() not in Path(attached.file).read_bytes()

    with pytest.raises(duckdb.Error, match="No key with name"):
        read(f"ducklake:{attached.file}")
    with builder.connect() as connection:
        for statement in canvasback.key_sql(sealed.repository, stores=sealed.stores).statements:
            connection.execute(statement)
        builder.attach_as_lake(connection, f"ducklake:{attached.file}", "READ_ONLY")
        assert builder.contents(connection) == sealed.lake.read()
        assert wrong_answers(connection) == []
        builder.detach(connection)
        for statement in canvasback.key_sql(sealed.repository, stores=sealed.stores).statements:
            wrong = re.sub(r"'[^']{40,}'", literal(base64.b64encode(bytes(32)).decode()), statement)
            connection.execute(wrong)
        builder.attach_as_lake(connection, f"ducklake:{attached.file}", "READ_ONLY")
        with pytest.raises(duckdb.Error, match="right key"):
            builder.contents(connection)


def test_sealed_copies_are_not_attached(tmp_path: Path) -> None:
    sealed = Sealed(Lake(tmp_path / "lake"), data=True)
    sealed.lake.run(*HISTORY)
    canvasback.init(sealed.lake.attach, sealed.repository, recipients={"ops": sealed.owner.key}, seal_data=True)
    sealed.backup()
    with refused("data-sealed"):
        canvasback.attach(sealed.repository, out=str(tmp_path / "point.ducklake"), stores=sealed.stores)


def test_who_has_no_key_is_told_whose_would_do(sealed: Sealed) -> None:
    sealed.backup()
    before = sealed.lake.tree()
    stranger = Person()
    for call in (
        lambda stores: canvasback.list_points(sealed.repository, stores=stores),
        lambda stores: canvasback.backup(sealed.lake.attach, sealed.repository, stores=stores),
        lambda stores: canvasback.restore(sealed.lake.attach, sealed.repository, replace=True, stores=stores),
        lambda stores: canvasback.key_add(sealed.repository, name="me", recipient=stranger.key, stores=stores),
        lambda stores: canvasback.mirror(sealed.repository, sealed.repository + "2", stores=stores),
        lambda stores: canvasback.prune(sealed.repository, stores=stores),
    ):
        with refused("key-missing"):
            call(Stores())
        with pytest.raises(RefusedError, match="opens for ops") as caught:
            call(stranger.stores)
        assert caught.value.code == "key-wrong"
        with refused("key-wrong"):
            call(Stores(secrets=Secrets(passphrases=["open sesame"])))
    assert sealed.lake.tree() == before
    with refused("key-not-understood", UsageError):
        canvasback.list_points(sealed.repository, stores=Stores(secrets=Secrets(["AGE-SECRET-KEY-1"])))


def test_recipients_come_and_go_and_keys_are_rotated(sealed: Sealed, tmp_path: Path) -> None:
    first, truth = sealed.backup(), sealed.lake.read()
    deputy = Person()
    canvasback.key_add(sealed.repository, name="deputy", recipient=deputy.key, stores=sealed.stores)
    assert [point.point for point in canvasback.list_points(sealed.repository, stores=deputy.stores).points] == [first]
    copies = {path for path in Path(sealed.repository, "data").rglob("*") if path.is_file()}

    canvasback.key_remove(sealed.repository, name="deputy", stores=sealed.stores)
    with refused("key-wrong"):
        canvasback.list_points(sealed.repository, stores=deputy.stores)
    assert canvasback.key_rotate(sealed.repository, stores=sealed.stores).rotations == 1
    sealed.lake.run("INSERT INTO lake.plover.wigeon SELECT range, 'scaup' FROM range(100)")
    second, later = sealed.backup(), sealed.lake.read()

    assert copies <= {path for path in Path(sealed.repository, "data").rglob("*") if path.is_file()}
    assert not canvasback.verify(sealed.repository, all_points=True, level="checksum", stores=sealed.stores).findings
    assert sealed.restored(tmp_path / "first", first) == truth
    assert sealed.restored(tmp_path / "second", second) == later
    diff = canvasback.diff(first, second, repository=sealed.repository, stores=sealed.stores)
    assert [table.rows_added for table in diff.tables] == [100]
    canvasback.forget(sealed.repository, points=[first], stores=sealed.stores)
    assert sealed.restored(tmp_path / "left", second) == later


def test_a_passphrase_opens_it_too(tmp_path: Path) -> None:
    lake, repository = Lake(tmp_path / "lake"), str(tmp_path / "repository")
    lake.run(*HISTORY)
    spoken = Stores(secrets=Secrets(passphrases=["correct horse"]))
    canvasback.init(lake.attach, repository, passphrases={"safe": "correct horse"})
    point = canvasback.backup(lake.attach, repository, stores=spoken).point
    owner = Person()
    shown = canvasback.key_add(repository, name="ops", recipient=owner.key, stores=spoken)
    assert [(one.name, one.passphrase, one.present) for one in shown.recipients] == [
        ("safe", True, True),
        ("ops", False, False),
    ]
    assert [one.point for one in canvasback.list_points(repository, stores=owner.stores).points] == [point]
    canvasback.key_rotate(repository, stores=owner.stores)  # the passphrase need not be there
    assert [one.point for one in canvasback.list_points(repository, stores=spoken).points] == [point]


def test_what_makes_no_sense_of_keys_is_refused(sealed: Sealed, tmp_path: Path) -> None:
    stores = sealed.stores
    for code, kind, call in (
        ("last-recipient", RefusedError, lambda: canvasback.key_remove(sealed.repository, name="ops", stores=stores)),
        ("unknown-recipient", UsageError, lambda: canvasback.key_remove(sealed.repository, name="me", stores=stores)),
        (
            "recipient-exists",
            RefusedError,
            lambda: canvasback.key_add(sealed.repository, name="ops", recipient=Person().key, stores=stores),
        ),
        (
            "recipient-exists",
            RefusedError,
            lambda: canvasback.key_add(sealed.repository, name="me", recipient=sealed.owner.key, stores=stores),
        ),
        (
            "key-not-understood",
            UsageError,
            lambda: canvasback.key_add(sealed.repository, name="me", recipient="age1nonsense", stores=stores),
        ),
        ("key-not-understood", UsageError, lambda: canvasback.key_add(sealed.repository, name="me", stores=stores)),
        (
            "key-not-understood",
            UsageError,
            lambda: canvasback.key_add(sealed.repository, name="me", passphrase="", stores=stores),
        ),
        (
            "no-recipients",
            UsageError,
            lambda: canvasback.init(sealed.lake.attach, str(tmp_path / "new"), seal_data=True),
        ),
    ):
        with refused(code, kind):
            call()
    assert [one.name for one in canvasback.key_list(sealed.repository, stores=stores).recipients] == ["ops"]
    plain = Lake(tmp_path / "plain")
    plain.run("CREATE TABLE lake.t (i INTEGER)")
    plain.backup()
    with refused("no-keys", UsageError):
        canvasback.key_list(plain.repository)


def test_who_takes_the_seal_off_the_marker_gets_nothing_to_read(sealed: Sealed) -> None:
    sealed.backup()
    marker = Path(sealed.repository, "canvasback.json")
    told = msgspec.json.decode(marker.read_bytes())
    before = set(Path(sealed.repository).rglob("*"))
    for forged in ({key: told[key] for key in told if key != "seal"}, {**told, "seal": None, "format": 3}):
        marker.write_bytes(msgspec.json.encode(forged))
        with refused("not-sealed"):
            canvasback.backup(sealed.lake.attach, sealed.repository, stores=sealed.stores)
    marker.write_bytes(msgspec.json.encode({**told, "seal": {"data": not sealed.data}}))
    with refused("keys-corrupt", CorruptError):
        canvasback.backup(sealed.lake.attach, sealed.repository, stores=sealed.stores)
    assert set(Path(sealed.repository).rglob("*")) == before


def test_lost_keys_are_a_lost_repository_unless_they_are_elsewhere(sealed: Sealed, tmp_path: Path) -> None:
    sealed.backup()
    truth = sealed.lake.read()
    canvasback.mirror(sealed.repository, str(tmp_path / "mirror"), stores=sealed.stores)
    shutil.rmtree(Path(sealed.repository, "keys"))
    with refused("keys-missing", CorruptError):
        canvasback.list_points(sealed.repository, stores=sealed.stores)
    shutil.copytree(tmp_path / "mirror" / "keys", Path(sealed.repository, "keys"))
    assert sealed.restored(tmp_path / "back") == truth

    keys = sealed.object("keys/*.json")
    keys.write_bytes(keys.read_bytes().replace(b'"name":"ops"', b'"name":"spy"'))
    with refused("keys-corrupt", CorruptError):
        canvasback.list_points(sealed.repository, stores=sealed.stores)


def flip(path: Path) -> None:
    """Change one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def swap(path: Path) -> None:
    """Put in its place what is beside it, or below another folder."""
    other = next(one for one in sorted(path.parent.parent.rglob("*" + path.suffix)) if one.is_file() and one != path)
    path.write_bytes(other.read_bytes())


@pytest.mark.parametrize("change", [flip, cut, swap])
def test_changed_objects_are_found_and_never_pass(
    sealed: Sealed, change: Callable[[Path], None], tmp_path: Path
) -> None:
    first = sealed.backup()
    sealed.lake.run("INSERT INTO lake.plover.wigeon SELECT range, 'scaup' FROM range(100)")
    second = sealed.backup()
    for pattern, codes in (
        (f"points/{second}.json", {"manifest-corrupt"}),
        ("catalog/*/*.parquet", {"chunk-corrupt", "object-size"}),
        ("data/*/*", {"object-corrupt", "object-size"}),
    ):
        path = sealed.object(pattern)
        whole = path.read_bytes()
        change(path)
        verified = canvasback.verify(sealed.repository, all_points=True, level="checksum", stores=sealed.stores)
        assert verified.finding_counts
        assert verified.finding_counts.keys() <= codes
        to = tmp_path / f"back-{len(codes)}-{pattern[:4]}"
        with pytest.raises(CorruptError) if "data" not in pattern else _with_finding(to):
            for point in (first, second):
                to.mkdir(exist_ok=True)
                found = canvasback.restore(
                    f"ducklake:{to}/{point}.ducklake",
                    sealed.repository,
                    point,
                    data_path=f"{to}/{point}",
                    stores=sealed.stores,
                )
                if found.findings:
                    (to / "found").touch()
        path.write_bytes(whole)
    assert not canvasback.verify(sealed.repository, all_points=True, level="checksum", stores=sealed.stores).findings


@contextmanager
def _with_finding(to: Path) -> Iterator[None]:
    yield
    assert (to / "found").exists()


def test_what_a_stranger_seals_for_the_recipients_is_not_believed(sealed: Sealed) -> None:
    point = sealed.backup()
    path = sealed.object("points/*.json")
    manifest = age.unseal(path.read_bytes(), canvasback_keys(sealed))
    assert b'"snapshot_id"' in manifest
    for forged in (
        manifest[32:],
        age.seal(manifest[32:], sealed.owner.key),
        age.seal(bytes(32) + manifest[32:], age.recipient_of(canvasback_keys(sealed)[0])),
    ):
        path.write_bytes(forged)
        listed = canvasback.list_points(sealed.repository, stores=sealed.stores)
        assert [(one.point, bool(one.problem)) for one in listed.points] == [(point, True)]


def canvasback_keys(sealed: Sealed) -> list[str]:
    """The repository's own secret keys, as who can open it finds them."""
    keys = msgspec.json.decode(sealed.object("keys/*.json").read_bytes())
    opened = age.unseal(keys["recipients"][0]["sealed"].encode(), [sealed.owner.identity])
    return [epoch["identity"] for epoch in msgspec.json.decode(opened)["epochs"]]


def test_a_mirror_takes_new_keys_and_gives_back_what_was_lost(sealed: Sealed, tmp_path: Path) -> None:
    first = sealed.backup()
    mirror, deputy = str(tmp_path / "mirror"), Person()
    canvasback.mirror(sealed.repository, mirror, stores=sealed.stores)
    canvasback.key_add(mirror, name="deputy", recipient=deputy.key, stores=sealed.stores)
    canvasback.key_rotate(sealed.repository, stores=sealed.stores)
    sealed.lake.run("INSERT INTO lake.plover.wigeon SELECT range, 'scaup' FROM range(100)")
    second, truth = sealed.backup(), sealed.lake.read()
    canvasback.mirror(sealed.repository, mirror, stores=sealed.stores)
    assert [point.point for point in canvasback.list_points(mirror, stores=deputy.stores).points] == [first, second]
    assert not canvasback.verify(mirror, all_points=True, level="checksum", stores=deputy.stores).findings

    for pattern in (f"points/{second}.json", "catalog/*/*.parquet", "data/*/*"):
        sealed.object(pattern).unlink()
    repaired = canvasback.repair(sealed.repository, mirror, stores=sealed.stores)
    assert (repaired.repaired_objects, repaired.findings) == (2, ())
    assert not canvasback.verify(sealed.repository, all_points=True, level="checksum", stores=sealed.stores).findings
    assert sealed.restored(tmp_path / "back") == truth

    canvasback.key_rotate(mirror, stores=sealed.stores)
    canvasback.key_rotate(sealed.repository, stores=sealed.stores)
    with refused("other-keys"):
        canvasback.mirror(sealed.repository, mirror, stores=sealed.stores)


def test_files_from_outside_come_back_under_names_of_their_own(tmp_path: Path) -> None:
    sealed = Sealed(Lake(tmp_path / "lake"), data=True)
    outside = tmp_path / "hive"
    sealed.lake.run(
        "CREATE TABLE lake.h (i BIGINT, k VARCHAR)",
        f"COPY (SELECT range AS i, 'ruddy' AS k FROM range(30)) TO {literal(str(outside))} "
        "(FORMAT parquet, PARTITION_BY (k))",
        f"CALL ducklake_add_data_files('lake', 'h', {literal(f'{outside}/**/*.parquet')}, hive_partitioning => true)",
    )
    canvasback.init(sealed.lake.attach, sealed.repository, recipients={"ops": sealed.owner.key}, seal_data=True)
    sealed.backup()
    assert not [path for path in Path(sealed.repository).rglob("*") if "ruddy" in str(path)]
    truth = sealed.lake.read()
    assert sealed.restored(tmp_path / "back") == truth


def test_names_of_partitions_are_not_attached_and_said_so(tmp_path: Path) -> None:
    sealed = Sealed(Lake(tmp_path / "lake"), data=False)
    outside = tmp_path / "hive"
    sealed.lake.run(
        "CREATE TABLE lake.h (i BIGINT, k VARCHAR)",
        f"COPY (SELECT range AS i, 'ruddy' AS k FROM range(30)) TO {literal(str(outside))} "
        "(FORMAT parquet, PARTITION_BY (k))",
        f"CALL ducklake_add_data_files('lake', 'h', {literal(f'{outside}/**/*.parquet')}, hive_partitioning => true)",
    )
    made = canvasback.init(sealed.lake.attach, sealed.repository, recipients={"ops": sealed.owner.key})
    assert made.readable_data
    sealed.backup()
    with refused("data-sealed"):
        canvasback.attach(sealed.repository, out=str(tmp_path / "point.ducklake"), stores=sealed.stores)


def test_salvage_finds_commits_in_a_sealed_repository(sealed: Sealed, tmp_path: Path) -> None:
    old = tmp_path / "old.ducklake"
    shutil.copy(sealed.lake.catalog, old)
    sealed.lake.run("INSERT INTO lake.plover.wigeon SELECT range, 'scaup' FROM range(100)")
    sealed.backup()
    truth = sealed.lake.read()
    shutil.copy(old, sealed.lake.catalog)
    sealed.lake.files()[-1].unlink()
    canvasback.salvage(sealed.lake.attach, repository=sealed.repository, stores=sealed.stores)
    assert sealed.lake.read() == truth
