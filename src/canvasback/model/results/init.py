"""What init answers."""

from __future__ import annotations

import msgspec

from canvasback.model.finding import Finding


class InitResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.init/1"):
    """A repository was created.

    Attributes:
        repository: Where it is.
        repository_id: Its random id.
        lake_id: The lake that it is for.
        lock: In which mode its objects are locked against deletion; null where they are not.
        lock_days: For how many days; null where they are not.
        sealed_for: The names of those who can open it; empty where it is not sealed.
        seals_data: Whether copies of data files are sealed too.
        readable_data: Whether it is sealed, and copies of data files can be read by whoever reads it all the same.
        storage: How it has the lake's files: as ``copy``, by ``versions`` in the lake's own bucket, or at a
            ``replica``.
        storage_url: The data path whose versions it names, or the replica; null where it has copies.
        findings: What could not be seen of the place where the files are held.
        finding_counts: How many of each code.
    """

    repository: str
    repository_id: str
    lake_id: str
    lock: str | None = None
    lock_days: int | None = None
    sealed_for: tuple[str, ...] = ()
    seals_data: bool = False
    readable_data: bool = False
    storage: str = "copy"
    storage_url: str | None = None
    findings: tuple[Finding, ...] = ()
    finding_counts: dict[str, int] = {}
