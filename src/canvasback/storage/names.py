"""Names of objects: which of them are safe."""

from __future__ import annotations

import re

from canvasback.errors import RefusedError

_UNSAFE = re.compile(r"(?:^|/)\.{0,2}(?:/|$)|\0")
"""An empty, ``.`` or ``..`` part of a name, or what no file system takes."""


def is_safe_name(name: str) -> bool:
    """Whether an object may have that name: it cannot lead out of its store."""
    # Asked of every file, so it is told at a glance in most cases.
    if "/." not in name and "//" not in name and "\0" not in name and name[:1] not in "./" and name[-1:] != "/":
        return True
    return _UNSAFE.search(name) is None


def refuse_unsafe_name(name: str, where: str) -> None:
    """See that an object may have that name.

    Raises:
        RefusedError: It could lead out of the store (``unsafe-name``).
    """
    if not is_safe_name(name):
        raise RefusedError(
            "unsafe-name",
            f"the name {name!r} could lead out of {where}",
            hint="No tool of ours writes such a name; find out who changed the repository or the catalog.",
        )
