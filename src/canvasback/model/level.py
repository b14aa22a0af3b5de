"""How deeply something is looked at: the words of ``--level``, from the shallowest on."""

from __future__ import annotations

import enum
from typing import Self

from canvasback.errors import UsageError


class _Level(enum.StrEnum):
    @classmethod
    def of(cls, given: str) -> Self:
        """The level of that name.

        Raises:
            UsageError: There is none (``unknown-level``).
        """
        try:
            return cls(given)
        except ValueError:
            raise UsageError("unknown-level", f"{given!r} is no level here", hint=f"One of {', '.join(cls)}.") from None


class RestoreLevel(_Level):
    """What restore takes for damaged: another size, or other bytes."""

    EXISTS = "exists"
    CHECKSUM = "checksum"


class VerifyLevel(_Level):
    """How deeply verify looks at a repository."""

    EXISTS = "exists"
    CHECKSUM = "checksum"
    ROWS = "rows"


class RepairLevel(_Level):
    """How deeply repair looks for damage: names and sizes, or all bytes."""

    EXISTS = "exists"
    CHECKSUM = "checksum"


class CheckLevel(_Level):
    """How deeply check and heal look at a lake."""

    CATALOG = "catalog"
    EXISTS = "exists"
    FOOTERS = "footers"
    ROWS = "rows"
    CHECKSUM = "checksum"
