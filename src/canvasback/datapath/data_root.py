"""Where a lake's data path is."""

from __future__ import annotations

import os
from urllib.parse import unquote

from canvasback.catalog.image import Image
from canvasback.catalog.reading.files import KINDS, named_files
from canvasback.errors import AccessDeniedError, RefusedError, StorageError
from canvasback.model.lake import LakeName
from canvasback.storage.locations import Stores, folder_url, is_remote
from canvasback.storage.store import Store

_SAMPLE = 20


def find_data_root(image: Image, lake: LakeName, given: str | None, last: str | None) -> str:
    """The data path as an absolute folder or a URL that ends in a slash.

    DuckLake takes a relative data path as relative to the folder in which a program runs, so it can be
    run from elsewhere and find nothing. We look there, then beside the catalog if that is a file, then where it
    was last, and take the place that holds the lake's files.

    Args:
        image: The image.
        lake: The lake.
        given: What the user says, if anything.
        last: Where the point before found it.

    Raises:
        RefusedError: Two places hold files of the lake (``ambiguous-data-path``).
        UsageError: It is a URL of a kind that is not supported.
    """
    if given is not None:
        return folder_url(given)
    spelled = image.data_path or "."
    if is_remote(spelled):
        return folder_url(spelled)
    if os.path.isabs(spelled.removeprefix("file://")):
        literally, decoded = folder_url(spelled), folder_url(unquote(spelled))
        # DuckDB takes what follows file:// as it stands, others as a URL in which a space is %20.
        return decoded if spelled.startswith("file://") and not os.path.isdir(literally) else literally
    places = [folder_url(spelled)]
    if lake.is_file:
        named = os.path.abspath(lake.target)
        places += [folder_url(spelled, os.path.dirname(beside)) for beside in (named, os.path.realpath(named))]
    if last is not None:
        places.append(last)
    places = list(dict.fromkeys(places))
    holding = [place for place in places if _holds_files(image, place)]
    if len({os.path.realpath(place) for place in holding}) > 1:
        raise RefusedError(
            "ambiguous-data-path",
            f"the data path {spelled!r} is relative, and files of the lake are at {' and at '.join(holding)}",
            hint="Say which one is meant with --data-path.",
        )
    existing = [place for place in places if os.path.isdir(place)]
    # The files may be lost, and another folder of that name be here by chance: rather where they were.
    return (holding or ([last] if last is not None else existing) or places)[0]


def names_root(spelled: str, root: str) -> bool:
    """Whether a data path as a catalog spells it can lead to a root: for a relative one, from some folder."""
    if is_remote(spelled):
        return folder_url(spelled) == root
    plain = spelled.removeprefix("file://")
    if not os.path.isabs(plain):
        ending = os.path.normpath(plain)
        return is_remote(root) is False and (ending.startswith((".", "..")) or f"{root}".endswith(f"/{ending}/"))
    places = {plain, unquote(plain)} if spelled != plain else {plain}
    return any(os.path.realpath(place) == os.path.realpath(root) for place in places)


def _holds_files(image: Image, place: str) -> bool:
    for kind in (kind for kind, (table, _) in KINDS.items() if table in image.tables):
        select = named_files(image, place, kind)
        sample = image.connection.execute(
            f"SELECT path FROM ({select}) WHERE NOT elsewhere ORDER BY file_id DESC LIMIT {_SAMPLE}"
        ).fetchall()
        if any(os.path.exists(place + path) for (path,) in sample):
            return True
    return False


def refuse_foreign(image: Image, root: str, stores: Stores) -> None:
    """See that a data path that a user names has something of the lake, where the lake has files.

    A misspelled one must not become the place to which points restore.

    Args:
        image: The image.
        root: The data path, absolute.
        stores: Opens it.

    Raises:
        RefusedError: None of many files of the lake is there (``data-path-empty``).
    """
    paths = image.connection.execute(
        f"WITH files AS (SELECT path, file_id FROM ({named_files(image, root)}) WHERE NOT elsewhere), "
        "numbered AS (SELECT path, "
        "row_number() OVER (ORDER BY file_id DESC) AS newest, row_number() OVER (ORDER BY file_id) AS oldest, "
        f"row_number() OVER (ORDER BY hash(path)) AS some_of FROM files) SELECT path FROM numbered "
        f"WHERE least(newest, oldest, some_of) <= {_SAMPLE} ORDER BY newest"
    ).fetchall()
    store = stores.open(root)
    if paths and not any(_is_there(store, path) for (path,) in paths):
        raise RefusedError(
            "data-path-empty",
            f"none of {len(paths)} files of the lake that were looked for is at {root}, the data path that was given",
            hint="Name the folder or the prefix below which the lake's files lie, or leave it out.",
        )


def _is_there(store: Store, path: str) -> bool:
    try:
        return store.stat(path) is not None
    except (AccessDeniedError, RefusedError):
        return False
    except StorageError as error:
        if error.code != "name-too-long":
            raise
        return False


def refuse_nesting(repository: str, root: str) -> None:
    """See that the repository and a data path do not lie one inside the other.

    Raises:
        RefusedError: They do (``repository-in-data-path``).
    """
    inner, outer = sorted((_real(repository), _real(root)), key=len, reverse=True)
    if inner.startswith(outer):
        raise RefusedError(
            "repository-in-data-path",
            f"the repository {repository} and the lake at {root} lie one inside the other",
            hint="Keep the two apart: DuckLake's removal of orphaned files would delete the repository's copies.",
        )


def _real(location: str) -> str:
    return location.rstrip("/") + "/" if is_remote(location) else os.path.realpath(location) + "/"
