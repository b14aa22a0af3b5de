"""Points that were announced and are not there, as their run died or is held up: their names are taken."""

from __future__ import annotations

from canvasback.errors import ObjectExistsError, ObjectMissingError
from canvasback.repository import layout
from canvasback.storage.store import Store

_WITHDRAWN = b'{"withdrawn": "this point was announced and never published, and its name was taken"}'


def withdraw_point(store: Store, id_: str) -> bool:
    """Take the name of a point, so that nobody can publish it any more.

    Returns:
        Whether its name is taken; False where it was published meanwhile.
    """
    try:
        store.put_new(layout.point_name(id_), _WITHDRAWN)
    except ObjectExistsError:
        return is_withdrawn(store, id_)
    return True


def is_withdrawn(store: Store, id_: str) -> bool:
    """Whether all that there is of a point is its name."""
    try:
        return store.get(layout.point_name(id_)) == _WITHDRAWN
    except ObjectMissingError:
        return False
