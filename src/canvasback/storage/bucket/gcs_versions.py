"""Versions of Google Cloud Storage: a bucket that keeps them makes what is deleted or overwritten noncurrent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from google.api_core import exceptions

from canvasback.errors import CanvasbackError, ObjectExistsError
from canvasback.storage.bucket.gcs_errors import translate
from canvasback.storage.bucket.gcs_listing import listed, stat_of, version_of
from canvasback.storage.bucket.service import TransientError, unreachable
from canvasback.storage.store import Copied, Stat
from canvasback.storage.versions import BroughtBack, Version, common_prefix, has_content


class GcsVersions:
    """See `canvasback.storage.versions.Versions`; the names are keys, the ids generations.

    What is brought back is a copy of its own, with a new generation.

    Args:
        bucket: The library's bucket.
        url: The same as a URL.
        limits: How long to wait, and how often to ask.
        head: What is known of an object.
        copy: Lets the service create an object from one of a generation.
    """

    batch = 1

    def __init__(
        self,
        bucket: Any,
        url: str,
        limits: dict[str, Any],
        head: Callable[[str], Stat | None],
        copy: Callable[[str, Any, Stat], Copied | None],
    ) -> None:
        self._bucket = bucket
        self._url = url
        self._limits = limits
        self._head = head
        self._copy = copy

    def kept(self) -> bool | None:
        """See `Versions.kept`."""
        found = settings_of(self._bucket, self._url, self._limits)
        return None if found is None else bool(found.versioning_enabled)

    def list(self, prefix: str) -> Iterator[Version]:
        """See `Versions.list`."""
        return self._listed(prefix, None)

    def find(self, names: Sequence[str]) -> Iterator[Version]:
        """See `Versions.find`."""
        wanted = sorted(set(names), key=str.encode)
        return self._listed(common_prefix(wanted), wanted)

    def head(self, name: str) -> Version | None:
        """See `Versions.head`."""
        found = self._head(name)
        return None if found is None else version_of(found, current=True)

    def bring_back(self, versions: Sequence[Version]) -> Iterator[BroughtBack]:
        """See `Versions.bring_back`."""
        for version in versions:
            yield BroughtBack(version, self._copy_back(version))

    def _listed(self, prefix: str, wanted: Sequence[str] | None) -> Iterator[Version]:
        for blob in listed(self._bucket, self._url, self._limits, prefix, wanted, versions="true"):
            yield version_of(stat_of(blob), current=blob.time_deleted is None)

    def _copy_back(self, version: Version) -> CanvasbackError | None:
        source = self._bucket.blob(version.name, generation=int(version.id))
        stat = Stat(version.name, version.size, version.modified_ns, version.id, version.checksum)
        try:
            # Google heeds a condition on a copy; what stands in for it may not.
            if self.head(version.name) is None and self._copy(version.name, source, stat) is not None:
                return None
            return taken(self.head(version.name), version, self._url)
        except CanvasbackError as error:
            return error
        except TransientError as error:
            return unreachable(self._url + version.name, error)


def settings_of(bucket: Any, url: str, limits: dict[str, Any]) -> Any | None:
    """A bucket with what is set for it; None where we may not know."""
    found = bucket.client.bucket(bucket.name)
    try:
        found.reload(**limits)
    except exceptions.Forbidden:
        return None
    except Exception as error:  # noqa: BLE001 - see `GcsBucket.head`
        translate(error, url, "")
    return found


def taken(found: Version | None, version: Version, url: str) -> ObjectExistsError | None:
    """What to say where a name was taken: nothing, if the content is there. So it is where an answer was lost."""
    return None if has_content(found, version) else ObjectExistsError(url + version.name)
