"""Places in object stores for tests: fresh buckets on real servers, and how to reach them."""

from __future__ import annotations

import itertools
from typing import Literal

import msgspec
import pytest

from canvasback import StoreOptions, Stores
from tests.azure_stub import AzureStub
from tests.object_servers import Azurite, FakeGcs, Ministack, SoftDeletingGcs
from tests.other_servers import keys_of

_NUMBERS = itertools.count(1)

SCHEMES = {"s3": "s3", "gcs": "gs", "azure": "az"}


class Cloud(msgspec.Struct, frozen=True):
    """A server and how to reach it.

    Attributes:
        kind: ``s3``, ``gcs`` or ``azure``.
        server: The server.
        options: What `Stores` has to know.
    """

    kind: str
    server: Ministack | FakeGcs | Azurite
    options: StoreOptions

    def bucket(self, *, versions: bool = False, soft_delete: bool = False) -> str:
        """The URL of a new bucket, ending in a slash, which may keep versions of its objects, or what is deleted."""
        name = f"bucket-{next(_NUMBERS)}"
        self.server.create_bucket(name)
        if versions:
            assert isinstance(self.server, Ministack | FakeGcs | AzureStub)
            self.server.keep_versions(name)
        if soft_delete:
            assert isinstance(self.server, SoftDeletingGcs | AzureStub)
            self.server.soft_delete(name)
        return f"{SCHEMES[self.kind]}://{name}/"

    def overwrite(self, place: str, name: str, content: bytes) -> None:
        """Write over an object, as no store of ours does."""
        bucket, _, prefix = place.partition("://")[2].partition("/")
        self.server.overwrite(bucket, prefix + name, content)

    def stores(self, **changes: object) -> Stores:
        """What opens the server's buckets, with some options changed."""
        return Stores({f"{SCHEMES[self.kind]}://": msgspec.structs.replace(self.options, **changes)})


class KeptObjects:
    """The objects of some places as they were when this was made, to be put back after a test.

    Args:
        stores: Opens the places.
        places: Their URLs.
    """

    def __init__(self, stores: Stores, *places: str) -> None:
        self._contents = {
            place: {stat.name: stores.open(place).get(stat.name) for stat in stores.open(place).list("")}
            for place in places
        }
        self._tags = {place: _tags(stores, place) for place in places}

    def again(self, stores: Stores) -> None:
        """Delete what was added, and write again what was changed or deleted."""
        for place, contents in self._contents.items():
            store, there = stores.open(place), _tags(stores, place)
            changed = {name for name in contents if there.get(name) != self._tags[place][name]}
            for name in there.keys() - contents.keys() | changed & there.keys():
                store.delete(name)
            for name in changed:
                store.put_new(name, contents[name])
            if changed:
                self._tags[place] = _tags(stores, place)


def _tags(stores: Stores, place: str) -> dict[str, str]:
    tags = {stat.name: stat.etag for stat in stores.open(place).list("")}
    assert all(tags.values())
    return tags


def cloud(
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str = "",
    *,
    keeping: Literal["", "versions", "soft-deleted"] = "",
) -> Cloud:
    """A cloud whose credentials stand in the environment, as a user's do.

    Args:
        kind: ``s3``, ``gcs`` or ``azure``.
        request: The test's.
        monkeypatch: The test's.
        endpoint: A proxy to go through.
        keeping: What its buckets have to be able to keep; not all servers are.
    """
    if kind == "s3":
        s3: Ministack = request.getfixturevalue("s3_server")
        key, secret = keys_of(s3)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            monkeypatch.delenv(name, raising=False)
        return Cloud(kind, s3, StoreOptions(endpoint=endpoint or s3.endpoint, region="us-east-1"))
    if kind == "gcs":
        gcs: FakeGcs = request.getfixturevalue(
            "soft_deleting_gcs_server" if keeping == "soft-deleted" else "gcs_server"
        )
        return Cloud(kind, gcs, StoreOptions(endpoint=endpoint or gcs.endpoint))
    azure: Azurite = request.getfixturevalue("keeping_azure_server" if keeping else "azure_server")
    string = azure.connection_string_at(endpoint) if endpoint else azure.connection_string
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", string)
    return Cloud(kind, azure, StoreOptions())
