"""What init answers."""

from __future__ import annotations

import msgspec


class InitResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag="canvasback.init/1"):
    """A repository was created.

    Attributes:
        repository: Where it is.
        repository_id: Its random id.
        lake_id: The lake that it is for.
    """

    repository: str
    repository_id: str
    lake_id: str
