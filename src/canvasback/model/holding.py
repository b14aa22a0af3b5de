"""How a repository has the lake's files: as copies of its own, or where somebody else holds them."""

from __future__ import annotations

import enum

import msgspec

from canvasback.errors import UsageError


class StorageKind(enum.StrEnum):
    """Where the files are that points name."""

    COPY = "copy"
    """In the repository."""
    VERSIONS = "versions"
    """In the lake's own bucket: a point pins the version of each object, which the service keeps."""
    REPLICA = "replica"
    """In a replica of the data path, to which the cloud or somebody else copies."""


class Holding(msgspec.Struct, frozen=True):
    """What the marker of a repository says that holds no copies of the data path's files.

    Attributes:
        kind: ``versions`` or ``replica``.
        url: The lake's data path whose bucket keeps the versions, or the replica: absolute, ending in a slash.
    """

    kind: StorageKind
    url: str

    def __post_init__(self) -> None:
        """See that it is one: a marker may have been changed."""
        if self.kind is StorageKind.COPY:
            raise ValueError("a repository that has copies says nothing of who holds files")

    @property
    def prefix(self) -> str:
        """What the names of objects begin with that are read there, and not in the repository."""
        return PREFIXES[self.kind]

    @property
    def stays(self) -> str:
        """What is to be said where points go."""
        if self.kind is StorageKind.VERSIONS:
            return f"nothing of {self.url} is deleted: the bucket's own lifecycle rules say how long its versions stay"
        return f"nothing of {self.url} is deleted: whoever copies to it says what stays there"

    def __str__(self) -> str:
        """In words."""
        return f"the versions of {self.url}" if self.kind is StorageKind.VERSIONS else f"the replica {self.url}"


PREFIXES = {StorageKind.VERSIONS: "versions/", StorageKind.REPLICA: "replica/"}


def kind_of(holding: Holding | None) -> StorageKind:
    """How a repository has the lake's files, as its marker or a point says."""
    return StorageKind.COPY if holding is None else holding.kind


def place_of(holding: Holding | None) -> str | None:
    """The data path whose versions a repository names, or the replica; None where it has copies."""
    return None if holding is None else holding.url


def storage_kind(storage: str, replica_url: str | None) -> StorageKind:
    """What a user says of how a repository is to hold files.

    Raises:
        UsageError: There is no such kind, or a replica without its place, or the other way round
            (``storage-not-understood``).
    """
    if storage not in {*StorageKind}:
        raise UsageError(
            "storage-not-understood", f"{storage!r} is no kind of storage", hint=f"One of {', '.join(StorageKind)}."
        )
    kind = StorageKind(storage)
    if (kind is StorageKind.REPLICA) != (replica_url is not None):
        raise UsageError(
            "storage-not-understood",
            "a repository that relies on a replica needs to know where that is, and no other one does",
            hint="Give both: --storage replica and --replica-url URL.",
        )
    return kind
