"""Copies of lost files that AWS Backup restored into another bucket: are they whole, and back to where they belong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime

from canvasback.checks import WantedFiles, check_files
from canvasback.checks.copy_search import CopySearch, appeared, not_put_back
from canvasback.checks.kinds import UNREADABLE
from canvasback.datapath.damaged_file import aside_suffix
from canvasback.errors import CanvasbackError, ObjectExistsError
from canvasback.model.finding import Finding
from canvasback.model.level import CheckLevel
from canvasback.repository.own_table import OwnTable
from canvasback.repository.rows import insert_rows
from canvasback.storage.locations import Stores
from canvasback.storage.parallel import Stop, each
from canvasback.storage.store import Stat

_FILES = {"file_kind": "VARCHAR", "file_id": "BIGINT"}


class Scratch:
    """A bucket into which AWS Backup restores objects under their own keys. Nothing in it is deleted.

    Args:
        url: The bucket, as a URL that ends in a slash.
        bucket: Its name.
        root: The data path.
        prefix: What the keys below it begin with, in both buckets.
        level: How deeply the copies are looked at, of which nobody knows the checksums.
    """

    def __init__(self, url: str, bucket: str, root: str, prefix: str, level: CheckLevel) -> None:
        self.url = url
        self.bucket = bucket
        self._root = root
        self._prefix = prefix
        by_rows = level in {CheckLevel.ROWS, CheckLevel.CHECKSUM}
        self._level = CheckLevel.ROWS if by_rows else CheckLevel.FOOTERS
        self._unfit: set[str] = set()

    def free(self, search: CopySearch, sizes: Mapping[str, int], moment: datetime) -> dict[str, Stat]:
        """Make room for what is to be restored; answer what an earlier run left there that may do as it is.

        AWS passes over what is there, so what does not do is moved aside.

        Args:
            search: What is worked with.
            sizes: The keys, and the sizes of the files.
            moment: The time.
        """
        suffix = aside_suffix(moment)
        store = search.run.stores.open(self.url)

        def look(key: str, _: Stop) -> tuple[str, Stat | None]:
            stat = store.stat(key)
            if stat is None or (stat.size == sizes[key] and key not in self._unfit):
                return key, stat
            store.move_aside(key, suffix)
            return key, None

        with search.run.in_parallel(sizes, each(look), store) as done:
            return {key: stat for key, stat in done if stat is not None}

    def unfit(self, search: CopySearch, files: Mapping[str, tuple[str, int]]) -> tuple[set[str], dict[str, str]]:
        """Which copies are no better than what was lost, by their keys; and which cannot be read, and why not.

        They pass the same check as the lake's files, as if the data path were there.

        Args:
            search: What is worked with.
            files: The keys of the copies, and the kind and id of the file of each.
        """
        wanted_files = OwnTable(search.connection, "arrived", _FILES)
        insert_rows(search.connection, str(wanted_files), _FILES, list(files.values()))
        there = self.url + self._prefix
        wanted = WantedFiles(search.image, there, files=f"FROM {wanted_files}")
        damaged, unread = set(), {}
        for found in check_files(wanted, there, search.run, self._level):
            key = found.place.removeprefix(self.url)
            if found.kind.code == UNREADABLE.code:
                unread[key] = found.message
            elif found.lost:
                damaged.add(key)
        wanted.drop()
        wanted_files.drop()
        self._unfit |= damaged
        return damaged, unread

    def put_back(self, search: CopySearch, copies: Mapping[str, Stat], moment: datetime) -> Iterator[Finding]:
        """Copy what is whole to where it belongs, within the service; what is there is moved aside.

        Args:
            search: What is worked with.
            copies: The keys of the copies, and what is known of them.
            moment: The time.

        Returns:
            What could not be put back.
        """
        suffix = aside_suffix(moment)
        stores = search.run.stores

        def put(key: str, _: Stop) -> Finding | None:
            finding = self._put(stores, key, copies[key], suffix)
            search.run.progress.advance(files=1, bytes_=copies[key].size)
            return finding

        with search.run.in_parallel(sorted(copies), each(put), stores.open(self.url)) as done:
            yield from (finding for finding in done if finding is not None)

    def _put(self, stores: Stores, key: str, stat: Stat, suffix: str) -> Finding | None:
        place = self._root + key.removeprefix(self._prefix)
        origin = stores.open(self.url)
        target, name = stores.locate(place)
        try:
            if target.stat(name) is not None:
                target.move_aside(name, suffix)
            if target.copy_from(name, origin, key, stat.size, etag=stat.etag) is not None:
                return None
        except ObjectExistsError:
            return appeared(place)
        except CanvasbackError as error:
            return not_put_back(place, self.url + key, error.message)
        return not_put_back(place, self.url + key, "it changed, or it is at another service")


def stats_of(search: CopySearch, place: str, keys: Iterable[str]) -> dict[str, Stat]:
    """What a bucket has of some keys.

    Args:
        search: What is worked with.
        place: The bucket, as a URL.
        keys: The keys.
    """
    store = search.run.stores.open(place)
    with search.run.in_parallel(keys, each(lambda key, _: (key, store.stat(key))), store) as done:
        return {key: stat for key, stat in done if stat is not None}


def common_folder(keys: Collection[str]) -> str:
    """The key of the smallest folder that has all objects, which ends in a slash; empty for the whole bucket."""
    first, last = min(keys), max(keys)
    same = next((number for number, letter in enumerate(first) if last[number : number + 1] != letter), len(first))
    return first[: first.rfind("/", 0, same) + 1]
