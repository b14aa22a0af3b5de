"""What was deleted from a bucket of Google's a while ago: soft delete keeps it, for a week as a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from canvasback.errors import CanvasbackError, ObjectExistsError
from canvasback.storage.bucket.gcs_bulk_restore import WORTH, GcsBulkRestore
from canvasback.storage.bucket.gcs_errors import translate
from canvasback.storage.bucket.gcs_listing import listed, stat_of, version_of
from canvasback.storage.bucket.gcs_versions import settings_of, taken
from canvasback.storage.bucket.service import TransientError, unreachable
from canvasback.storage.versions import BroughtBack, Version, common_prefix

_JOBS = 16
_AT_A_TIME = 1000


class GcsSoftDeleted:
    """See `canvasback.storage.versions.Versions`; the names are keys, the ids generations.

    What was overwritten is here too, where the bucket keeps no versions. Nothing here can be read before it is back.
    What is brought back has a new generation; what was deleted stays here besides until its time is over.

    Args:
        bucket: The library's bucket.
        url: The same as a URL.
        limits: How long to wait, and how often to ask.
        head: The content that a reader gets now.
    """

    batch = 1_000_000
    """All together: what Google brings back by itself are whole folders."""

    def __init__(self, bucket: Any, url: str, limits: dict[str, Any], head: Callable[[str], Version | None]) -> None:
        self._bucket = bucket
        self._url = url
        self._limits = limits
        self.head = head

    def kept(self) -> bool | None:
        """See `Versions.kept`."""
        found = settings_of(self._bucket, self._url, self._limits)
        return None if found is None else bool(found.soft_delete_policy.retention_duration_seconds)

    def list(self, prefix: str) -> Iterator[Version]:
        """See `Versions.list`; of what was deleted only."""
        return self._listed(prefix, None)

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """See `Versions.find`; of what was deleted only."""
        wanted = sorted(set(names), key=str.encode)
        return self._listed(common_prefix(wanted), wanted)

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """See `Versions.bring_back`.

        Of many, those that fill whole folders are left to Google, see `GcsBulkRestore`; all others are asked for one
        by one.
        """
        bulk = GcsBulkRestore(self._bucket, self._url, self._limits)
        done = bulk.restore(versions) if len(versions) >= WORTH else set()
        yield from (BroughtBack(version) for version in versions if (version.name, version.id) in done)
        left = [version for version in versions if (version.name, version.id) not in done]
        if len(left) == 1:
            yield self._restore(left[0])
            return
        with ThreadPoolExecutor(_JOBS) as pool:
            for start in range(0, len(left), _AT_A_TIME):
                yield from pool.map(self._restore, left[start : start + _AT_A_TIME])

    def _listed(self, prefix: str, wanted: Sequence[str] | None) -> Iterator[Version]:
        for blob in listed(self._bucket, self._url, self._limits, prefix, wanted, soft_deleted="true"):
            yield version_of(stat_of(blob), current=False)

    def _restore(self, version: Version) -> BroughtBack:
        try:
            self._ask(version)
        except ObjectExistsError:
            return BroughtBack(version, self._taken(version))
        except CanvasbackError as error:
            return BroughtBack(version, error)
        except TransientError as error:
            return BroughtBack(version, unreachable(self._url + version.name, error))
        return BroughtBack(version)

    def _ask(self, version: Version) -> None:
        try:
            self._bucket.restore_blob(version.name, generation=int(version.id), if_generation_match=0, **self._limits)
        except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
            translate(error, self._url, version.name, reading=True)

    def _taken(self, version: Version) -> CanvasbackError | None:
        try:
            return taken(self.head(version.name), version, self._url)
        except CanvasbackError as error:
            return error
