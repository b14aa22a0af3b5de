"""Where a store or a data path is, as a user spells it, and the stores at such places."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from canvasback.errors import RefusedError, UsageError
from canvasback.model.seal import NO_SECRETS, Secrets
from canvasback.storage.bucket.place import BucketPlace, Kind, load_for
from canvasback.storage.bucket.service import Bucket, StoreOptions
from canvasback.storage.local.store import LocalStore
from canvasback.storage.rate import RateLimit
from canvasback.storage.store import Store
from canvasback.storage.versions import Version

if TYPE_CHECKING:
    from canvasback.storage.bucket.deleted_shown import DeletedShown
    from canvasback.storage.bucket.store import ObjectStore

_SCHEMES: dict[str, Kind] = {
    "s3": "s3",
    "s3a": "s3",
    "s3n": "s3",
    "r2": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "azure": "azure",
    "abfss": "azure",
}
_WEB = frozenset({"http", "https"})
"""The kinds of URLs that DuckDB knows, with the module here and the extra that serve them."""

_CLASSES = {"s3": "S3Bucket", "gcs": "GcsBucket", "azure": "AzureBucket"}
_CONTENTS = {
    "s3": ("s3_contents", "S3Contents"),
    "gcs": ("gcs_contents", "GcsContents"),
    "azure": ("azure_contents", "AzureContents"),
}
"""What reads the contents that objects had, where we know how to."""

_URL = re.compile(r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[^/]+)/?(?P<key>.*)", re.DOTALL)
_AZURE_HOST = re.compile(r"(?P<account>[a-z0-9]+)\.(?:blob|dfs)\.[a-z0-9.]+")


def is_remote(location: str) -> bool:
    """Whether a location is in an object store rather than on a file system of this machine."""
    return "://" in location.removeprefix("file://")


def folder_url(spelled: str, base: str = "") -> str:
    """A path or URL as an absolute folder or URL that ends in a slash. Symlinks stay.

    Args:
        spelled: What the user or the catalog says.
        base: What a relative path is relative to; the working folder if empty.

    Raises:
        UsageError: It is a URL of a kind that is not supported, or names no bucket (``location-not-supported``); or it
            is empty (``empty-argument``).
    """
    if not spelled.strip():
        raise empty_argument("a folder or URL")
    if not is_remote(spelled):
        path = spelled.removeprefix("file://")
        return os.path.abspath(os.path.join(base, path)).rstrip("/") + "/"
    _parse(spelled)
    return spelled.rstrip("/") + "/"


def relative_folder(spelled: str) -> str:
    """A relative path of a folder as DuckLake writes it: no longer than need be, and with a slash at its end.

    Raises:
        UsageError: It is absolute, or a URL (``not-relative``).
    """
    if is_remote(spelled) or os.path.isabs(spelled.removeprefix("file://")):
        raise UsageError(
            "not-relative",
            f"{spelled} is no relative path",
            hint="Name the folder as seen from where the lake is attached, such as files: that is what stays relative.",
        )
    return os.path.normpath(spelled) + "/"


def within(inner: str, outer: str) -> bool:
    """Whether a folder, or a prefix of a bucket, is another one or lies in it, however the two are spelled."""
    return _real(inner).startswith(_real(outer))


def _real(url: str) -> str:
    if not is_remote(url):
        return os.path.join(os.path.realpath(url), "")
    scheme, _, rest = url.partition("://")
    return f"{_SCHEMES.get(scheme, scheme)}://{rest.rstrip('/')}/"


def place_in_s3(url: str) -> tuple[str, str] | None:
    """The bucket of a URL and the key below it, if it is in S3 or in what speaks it, as policies of AWS name them."""
    if not is_remote(url) or _is_web(url) or _SCHEMES[_parse(url)[0]] != "s3":
        return None
    _, bucket, key = _parse(url)
    return bucket, key


def refuse_url(path: str) -> None:
    """See that a file that is to be written is on a disk.

    Raises:
        RefusedError: It is named by a URL (``url-not-writable``).
        UsageError: It is not named at all (``empty-argument``).
    """
    if not path.strip():
        raise empty_argument("a file")
    if "://" in path:
        raise RefusedError(
            "url-not-writable",
            f"{path} is a URL, and such a file is written to disks only",
            hint="Name a local file, and upload it with the cloud's own tool.",
        )


def no_versions(url: str) -> UsageError:
    """What to say where versions are asked for that cannot be."""
    return UsageError(
        "no-versions",
        f"{url} keeps no versions of its objects",
        hint="Only buckets can. Leave out --from versions, or --storage versions.",
    )


def empty_argument(what: str) -> UsageError:
    """What to say where an argument is empty, as an unset variable of a script makes it: it means no default."""
    return UsageError("empty-argument", f"{what} is given as an empty text", hint="Say what is meant, or leave it out.")


class Stores:
    """Opens stores, and keeps the connections of one run.

    Args:
        options: How to reach buckets, by their URLs, or by ``s3://`` and the like for all of a kind.
        limit: How fast files may be copied; None for as fast as can be.
        secrets: What opens sealed repositories.
    """

    def __init__(
        self,
        options: Mapping[str, StoreOptions] | None = None,
        limit: RateLimit | None = None,
        secrets: Secrets = NO_SECRETS,
    ) -> None:
        self.limit = limit
        self.secrets = secrets
        self._options = {_bucket_or_scheme(begin): of_it for begin, of_it in (options or {}).items()}
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._roots: dict[str, Store] = {}

    def open(self, spelled: str) -> Store:
        """The store at a location.

        Raises:
            UsageError: See `folder_url`; or the extra that it needs is not installed (``extra-missing``).
            StorageError: There are no credentials for it.
        """
        url = folder_url(spelled)
        if not is_remote(url):
            return LocalStore(url)
        if _is_web(url):
            return _web_store(url)
        root, prefix = _split(url)
        return self._in_bucket(root, prefix)

    def open_contents(self, spelled: str) -> Store:
        """A store of all contents that a bucket keeps of the objects below a folder, under ``<version id>/<name>``.

        It is only read, and lists nothing: `Store.versions` does.

        Raises:
            UsageError: See `open`; or it is no bucket, or one of a cloud whose versions we cannot name
                (``no-versions``).
            StorageError: There are no credentials for it.
        """
        return self._contents_of(folder_url(spelled))

    def open_with_deleted(self, spelled: str, wanted: Callable[[Version], bool]) -> DeletedShown:
        """The store at a location, which shows deleted objects too; see `DeletedShown`.

        Args:
            spelled: The location.
            wanted: Which deleted objects, by the newest content of each.

        Raises:
            UsageError: See `open_contents`.
            StorageError: There are no credentials for it, or its versions cannot be listed.
        """
        url = folder_url(spelled)
        contents = self._contents_of(url)
        from canvasback.storage.bucket.deleted_shown import DeletedShown  # noqa: PLC0415 - see `_in_bucket`

        root, prefix = _split(url)
        return DeletedShown(self._bucket(root), prefix, contents, wanted)

    def _contents_of(self, url: str) -> ObjectStore:
        place = self.place(url)
        if place is None or place.kind not in _CONTENTS:
            raise no_versions(url)
        module, class_ = _CONTENTS[place.kind]
        from canvasback.storage.bucket.store import ObjectStore  # noqa: PLC0415 - see `_in_bucket`

        found = load_for(f"canvasback.storage.bucket.{module}", place.kind, place.root)
        bucket: Bucket = getattr(found, class_)(place.scheme, place.name, place.options, place.prefix)
        return ObjectStore(bucket, "")

    def locate(self, path: str) -> tuple[Store, str]:
        """The store that holds a file named by an absolute path or a URL, and its name there."""
        if is_remote(path):
            root, name = _split(path)
        else:
            root, name = "/", "/".join(part for part in path.split("/") if part not in {"", "."})
        with self._lock:
            store = self._roots.get(root)
        if store is None:
            store = self._at_root(root)
            with self._lock:
                store = self._roots.setdefault(root, store)
        return store, name

    def sync(self) -> None:
        """Return when everything that was written through the stores of `locate` survives a power failure."""
        with self._lock:
            roots = list(self._roots.values())
        for store in roots:
            store.sync()

    def _at_root(self, root: str) -> Store:
        if not is_remote(root):
            return LocalStore(root)
        return _web_store(root) if _is_web(root) else self._in_bucket(root, "")

    def _in_bucket(self, root: str, prefix: str) -> Store:
        # Who has all on disks need not load what talks to buckets.
        from canvasback.storage.bucket.store import ObjectStore  # noqa: PLC0415

        return ObjectStore(self._bucket(root), prefix)

    def place(self, spelled: str) -> BucketPlace | None:
        """Where in which bucket a location is; None where it is in none, but on a disk or at a web server.

        Raises:
            UsageError: See `folder_url`.
        """
        url = folder_url(spelled)
        if not is_remote(url) or _is_web(url):
            return None
        root, prefix = _split(url)
        scheme, _, rest = root.partition("://")
        return BucketPlace(_SCHEMES[scheme], scheme, rest.rstrip("/"), prefix, self._options_of(root))

    def _bucket(self, root: str) -> Bucket:
        with self._lock:
            if root not in self._buckets:
                self._buckets[root] = self.connect(root, self._options_of(root))
            return self._buckets[root]

    def connect(self, root: str, options: StoreOptions) -> Bucket:
        """The bucket at ``scheme://bucket/``; a test may put another in its place."""
        scheme, _, rest = root.partition("://")
        kind = _SCHEMES[scheme]
        found = load_for(f"canvasback.storage.bucket.{kind}", kind, root)
        bucket: Bucket = getattr(found, _CLASSES[kind])(scheme, rest.rstrip("/"), options)
        return bucket

    def _options_of(self, root: str) -> StoreOptions:
        fitting = [begin for begin in self._options if root.startswith(begin)]
        return self._options[max(fitting, key=len)] if fitting else StoreOptions()


def _bucket_or_scheme(url: str) -> str:
    """What options hold for: ``s3://``, or a bucket.

    Raises:
        UsageError: They are given for a folder of a bucket (``location-not-supported``).
    """
    if url.removesuffix("://") in _SCHEMES:
        return url
    root, key = _split(url.rstrip("/"))
    if key or _is_web(root):
        raise UsageError(
            "location-not-supported",
            f"options for {url} hold for a folder of a bucket",
            hint=f"They can be given for the whole bucket only: {root}.",
        )
    return root


def _is_web(url: str) -> bool:
    return url.partition("://")[0] in _WEB


def _web_store(url: str) -> Store:
    from canvasback.storage.http import HttpStore  # noqa: PLC0415 - few lakes are read from the web

    return HttpStore(url)


def _parse(url: str) -> tuple[str, str, str]:
    found = _URL.fullmatch(url)
    scheme = url.partition("://")[0]
    if scheme not in _SCHEMES and scheme not in _WEB:
        raise UsageError(
            "location-not-supported",
            f"locations of the kind {scheme}:// are not supported: {url}",
            hint=f"A path, or a URL that begins with one of {', '.join(sorted(_SCHEMES))}.",
        )
    if found is None:
        raise UsageError(
            "location-not-supported", f"{url} names no bucket", hint=f"Spell it like {scheme}://bucket/folder."
        )
    return scheme, found["bucket"], found["key"]


def _split(url: str) -> tuple[str, str]:
    """A URL as that of its bucket, and the key below it."""
    scheme, bucket, key = _parse(url)
    if _SCHEMES.get(scheme) == "azure" and _AZURE_HOST.fullmatch(bucket):  # the account's host, then the container
        container, _, key = key.partition("/")
        if not container:
            raise UsageError(
                "location-not-supported",
                f"{url} names no container",
                hint=f"Spell it like {scheme}://{bucket}/container.",
            )
        bucket = f"{bucket}/{container}"
    return f"{scheme}://{bucket}/", key
