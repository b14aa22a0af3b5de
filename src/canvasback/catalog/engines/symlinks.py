"""A catalog's file that is named through symlinks, and where its log lies then.

DuckDB from 1.5 on keeps the log beside the file itself, as SQLite does; 1.4 beside the name that it was given. So a log
may lie beside each name on the way from the one that the user gives to the file.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from canvasback.errors import LakeError

_LONGEST = 40
"""So many symlinks in a row are a circle, as Linux sees it."""


def names_of(path: str) -> tuple[str, ...]:
    """The file itself, and before it the names of symlinks that lead to it, the one that is given first.

    Symlinks among the folders do not count: what lies beside a name lies beside it through them too.
    """
    name = os.path.abspath(path)
    found = []
    for _ in range(_LONGEST):
        folder, last = os.path.split(name)
        name = os.path.join(os.path.realpath(folder), last)
        found.append(name)
        if not os.path.islink(name):
            break
        name = os.path.join(os.path.dirname(name), os.readlink(name))
    return tuple(dict.fromkeys(found))


def logged_name(path: str, logs: Sequence[str]) -> str:
    """The name beside which the log of a catalog's file lies; the file itself where there is none.

    Raises:
        LakeError: There are logs beside two names (``two-logs``).
    """
    names = names_of(path)
    logged = [name for name in names if any(_has_content(name + log) for log in logs)]
    if len(logged) > 1:
        raise LakeError(
            "two-logs",
            f"the catalog {names[-1]} has logs beside {' and beside '.join(logged)}, and which of them belongs to it "
            "cannot be told",
            hint="DuckDB 1.4 keeps the log beside the name by which a file is opened, later ones beside the file "
            "itself. Close the programs that use the lake, which then write their log into the file, and use one name.",
        )
    return logged[0] if logged else names[-1]


def _has_content(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:  # of what is there, opening it tells
        return False
