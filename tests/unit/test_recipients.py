"""Who can open a sealed repository, and a second place of one: without a lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from canvasback.errors import CanvasbackError, LockedError, NoSpaceError, ObjectExistsError
from canvasback.model.seal import Seal, Secrets
from canvasback.repository import layout
from canvasback.repository.copy_names import copy_name, spare_name, version_name
from canvasback.repository.documents import format_of
from canvasback.repository.places import look_for_place, make_place, open_place, take_keys
from canvasback.repository.recipients import (
    Recipients,
    change_recipients,
    find_recipients,
    new_passphrase,
    new_recipient,
)
from canvasback.repository.repository import (
    Repository,
    create_repository,
    open_repository,
    refuse_sealed,
)
from canvasback.repository.witness import Witness
from canvasback.storage.bucket.store import ObjectStore
from canvasback.storage.keyring import Epoch, Keyring, epoch_of, keyring_of
from canvasback.storage.local.store import LocalStore
from canvasback.storage.locations import Stores
from canvasback.storage.run import Run
from tests.memory import MemoryBucket
from tests.sealing import Person

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


@pytest.fixture
def owner() -> Person:
    return Person()


@pytest.fixture
def repository(owner: Person, tmp_path: Path) -> Repository:
    recipients = [new_recipient(owner.key, "ops", NOON)]
    return create_repository(LocalStore(tmp_path / "repo"), "l", NOON, None, Seal(data=True), recipients)


def fails(code: str, call: Callable[[], object]) -> str:
    with pytest.raises(CanvasbackError) as caught:
        call()
    assert caught.value.code == code
    return caught.value.message


def rotated(found: Recipients) -> Recipients:
    epochs = [*found.keyring.epochs, Epoch.begin(found.keyring.newest.number + 1, NOON)]
    return found.replace(NOON, found.all, Keyring(found.sealed.repository_id, epochs, data=True))


def test_it_opens_for_its_recipients_and_for_nobody_else(repository: Repository, owner: Person) -> None:
    spelled = repository.store.url
    opened = open_repository(owner.stores, spelled)
    assert opened.marker == repository.marker
    assert opened.recipients is not None
    assert [one.name for one in opened.recipients.all] == ["ops"]
    assert opened.recipients.present(owner.stores.secrets) == {owner.key}
    assert opened.recipients.unopened(owner.stores.secrets) == []
    assert format_of(opened.store) == layout.SEALED_FORMAT
    assert epoch_of(opened.store) == 1
    assert "ops" in fails("key-missing", lambda: open_repository(Stores(), spelled))
    assert "ops" in fails("key-wrong", lambda: open_repository(Person().stores, spelled))
    fails("log-not-sealed", lambda: refuse_sealed(opened))


def test_a_plain_one_takes_no_key(tmp_path: Path, owner: Person) -> None:
    plain = create_repository(LocalStore(tmp_path / "plain"), "l", NOON)
    refuse_sealed(plain)
    fails("not-sealed", lambda: open_repository(owner.stores, plain.store.url))
    assert (epoch_of(plain.store), format_of(plain.store), keyring_of(plain.store)) == (0, layout.FORMAT, None)
    assert copy_name(plain.store, "main/t/a.parquet", 4, elsewhere=False) == "data/main/t/a.parquet"
    assert copy_name(plain.store, "a", 4, elsewhere=False) == "data/a"
    assert version_name(plain.store, "a", "0" * 64, 4).startswith("external/")
    assert spare_name(plain.store, "a", 4) != spare_name(plain.store, "a", 4)


def test_names_of_copies_tell_nothing_and_are_found_again(repository: Repository, owner: Person) -> None:
    store = repository.store
    usual = copy_name(store, "main/t/k=1/a.parquet", 4, elsewhere=False)
    assert usual == copy_name(
        open_repository(owner.stores, store.url).store, "main/t/k=1/a.parquet", 4, elsewhere=False
    )
    names = {
        usual,
        copy_name(store, "main/t/k=1/a.parquet", 4, elsewhere=True),
        version_name(store, "main/t/k=1/a.parquet", "0" * 64, 4),
        spare_name(store, "main/t/k=1/a.parquet", 4),
    }
    assert len(names) == 4
    for name in names:
        assert name.endswith(".4.age")
        assert "k=1" not in name


def test_who_changes_them_at_once_changes_them_all(repository: Repository, owner: Person) -> None:
    found, secrets = repository.recipients, owner.stores.secrets
    assert found is not None
    deputy = new_recipient(Person().key, "deputy", NOON)
    first = change_recipients(found, lambda now: now.replace(NOON, [*now.all, deputy]), secrets)
    second = change_recipients(found, rotated, secrets)  # what was found is not the newest
    assert (first.number, second.number) == (2, 3)
    assert [one.name for one in second.all] == ["ops", "deputy"]
    opened = open_repository(owner.stores, repository.store.url)
    assert opened.recipients is not None
    assert opened.recipients.keyring.newest.number == 2

    def lose(_: Recipients) -> Recipients:
        raise ObjectExistsError("somebody else was first")

    with pytest.raises(LockedError):
        change_recipients(found, lose, secrets)


def test_damaged_keys_open_nothing(repository: Repository, owner: Person) -> None:
    found, secrets = repository.recipients, owner.stores.secrets
    assert found is not None
    name = layout.keys_name(1)
    content = found.store.get(name)
    for damaged in (b"", b"[]", content.replace(b'"ops"', b'"spy"'), content[:-2]):
        found.store.delete(name)
        found.store.put_new(name, damaged)
        fails("keys-corrupt", lambda: find_recipients(found.store, found.sealed, secrets))
    found.store.delete(name)
    fails("keys-missing", lambda: find_recipients(found.store, found.sealed, secrets))
    found.store.put_new(name, content)
    other = msgspec.structs.replace(found.sealed, lake_id="another")
    fails("keys-corrupt", lambda: find_recipients(found.store, other, secrets))
    broken = msgspec.structs.replace(found.all[0], sealed="no age file")
    assert msgspec.structs.replace(found, all=(broken,)).unopened(secrets) == ["ops"]


def test_a_passphrase_wraps_a_key_of_its_own() -> None:
    safe = new_passphrase("correct horse", "safe", NOON)
    assert safe.key.startswith("age1")
    assert len(safe.id) == 8
    assert "correct" not in msgspec.json.encode(safe).decode()
    fails("key-not-understood", lambda: new_passphrase("", "safe", NOON))
    fails("key-not-understood", lambda: new_recipient("age1no", "x", NOON))
    assert repr(Secrets(["AGE-SECRET-KEY-1X"], ["p"])) == "Secrets(1 identities, 1 passphrases)"
    epoch = Epoch.begin(1, NOON)
    assert (repr(epoch), str(epoch)) == ("Epoch(1)", "Epoch(1)")


def test_a_second_place_takes_the_keys_that_came_since(repository: Repository, owner: Person, tmp_path: Path) -> None:
    stores, at = owner.stores, str(tmp_path / "mirror")
    run = Run.begin(stores=stores, clock=lambda: NOON)
    assert look_for_place(stores, at, repository) is None
    made = make_place(stores, at, repository, NOON)
    assert made.marker == repository.marker
    assert take_keys(made, repository, run) is made
    assert repository.recipients is not None
    ahead = msgspec.structs.replace(repository, recipients=rotated(repository.recipients))
    taken = take_keys(open_place(stores, at, ahead), ahead, run)
    assert epoch_of(taken.store) == 2
    again = open_place(stores, at, ahead)
    assert again.recipients is not None
    rotated(rotated(again.recipients))
    assert epoch_of(open_place(stores, at, ahead).store) == 4  # the repository is behind, which a repair is for
    assert ahead.recipients is not None
    apart = msgspec.structs.replace(ahead, recipients=rotated(ahead.recipients))
    fails("other-keys", lambda: open_place(stores, at, apart))
    plain = create_repository(LocalStore(tmp_path / "plain"), "l", NOON)
    assert take_keys(plain, plain, run) is plain
    assert make_place(Stores(), str(tmp_path / "second"), plain, NOON).recipients is None


def test_a_witness_knows_the_newest_point_and_the_keys(repository: Repository, owner: Person) -> None:
    place = ObjectStore(MemoryBucket(), "w/")
    witness = Witness(place, repository)
    assert witness.doubts() == ()
    assert [finding.code for finding in witness.asked()] == ["witness-silent"]
    ids = [layout.point_id(NOON + timedelta(hours=hours), hours) for hours in range(5)]
    for id_ in ids:
        repository.store.put_new(layout.point_name(id_), b"{}")
        witness.tell(id_)
        witness.tell(id_)
    assert len(list(place.list(""))) == 3
    assert witness.asked() == ()
    repository.store.delete(layout.point_name(ids[-1]))
    [found] = witness.doubts()
    assert (found.code, ids[-1] in found.message, ids[-2] in found.message) == ("rolled-back", True, True)
    repository.store.put_new(layout.point_name(ids[-1]), b"{}")
    assert repository.recipients is not None
    stranger = Keyring(repository.marker.repository_id, [Epoch.begin(1, NOON)], data=True)
    forged = msgspec.structs.replace(
        repository, recipients=msgspec.structs.replace(repository.recipients, keyring=stranger)
    )
    assert [finding.code for finding in Witness(place, forged).doubts()] == ["keys-differ"]
    newest = max(stat.name for stat in place.list(""))
    place.delete(newest)
    place.put_new(newest, b"torn")
    assert [finding.code for finding in witness.asked()] == ["witness-unreadable"]


def test_an_init_that_fails_leaves_nothing(tmp_path: Path, owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    real = LocalStore.put_new

    def full(self: LocalStore, name: str, content: bytes) -> None:
        if name.startswith(layout.LEASES):
            raise NoSpaceError(name)
        real(self, name, content)

    monkeypatch.setattr(LocalStore, "put_new", full)
    store, recipients = LocalStore(tmp_path / "r"), [new_recipient(owner.key, "ops", NOON)]
    with pytest.raises(NoSpaceError):
        create_repository(store, "l", NOON, None, Seal(), recipients)
    assert list(store.list("")) == []
