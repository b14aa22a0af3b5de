"""What init answers."""

from __future__ import annotations

import msgspec


class InitResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.init/1"):
    """A repository was created.

    Attributes:
        repository: Where it is.
        repository_id: Its random id.
        lake_id: The lake that it is for.
        lock: In which mode its objects are locked against deletion; null where they are not.
        lock_days: For how many days; null where they are not.
    """

    repository: str
    repository_id: str
    lake_id: str
    lock: str | None = None
    lock_days: int | None = None
