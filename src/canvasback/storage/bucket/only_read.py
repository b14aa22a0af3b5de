"""What a bucket refuses that shows contents of the past."""

from __future__ import annotations

from collections.abc import Iterator

from canvasback.storage.bucket.service import read_only
from canvasback.storage.store import Source, Stat


class OnlyRead:
    """Goes before a bucket's own class among the bases of one whose keys are ``<version id>/<key>``.

    Attributes:
        url: See `canvasback.storage.bucket.service.Bucket`.
    """

    url: str

    def put(self, key: str, content: bytes | bytearray) -> str:  # noqa: ARG002
        """Refuse."""
        raise read_only(self.url + key)

    def upload(self, key: str, source: Source, size: int) -> str:  # noqa: ARG002
        """Refuse."""
        raise read_only(self.url + key)

    def list(self, prefix: str) -> Iterator[Stat]:  # noqa: ARG002
        """Nothing: contents are listed by `canvasback.storage.versions.Versions.list`."""
        return iter(())

    def delete(self, key: str) -> None:
        """Refuse."""
        raise read_only(self.url + key)
