"""Lakes in a bucket that keeps versions, or that is replicated, with repositories that hold no copies."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import canvasback
from canvasback import BackupResult, Stores
from tests.clouds import Cloud
from tests.lake.answers import wrong_answers
from tests.lake.cloud_lakes import HISTORY, Truth, comparable, read, session, write
from tests.object_servers import Ministack


class LentLake:
    """A lake that the real extension writes, and what each of its snapshots held.

    Args:
        where: The cloud.
        folder: Has the catalog, and what is restored.
        storage: How the repository is to have the files.
        versions: Whether the bucket keeps versions.
        at: Where the repository is; a bucket of its own if None.
        options: What `init` takes besides.
    """

    def __init__(
        self,
        where: Cloud,
        folder: Path,
        storage: str = "versions",
        *,
        versions: bool = True,
        at: str | None = None,
        stores: Stores | None = None,
        data_path: str | None = None,
        **options: Any,
    ) -> None:
        self.cloud = where
        self.folder = folder
        self.stores = stores or where.stores()
        self.data_path = data_path or f"{where.bucket(versions=versions)}lake data/"
        self.repository = at or f"{where.bucket()}backups/sales"
        self.catalog = folder / "main.ducklake"
        self.attach = f"ducklake:{self.catalog}"
        self.truth: Truth = write(where, self.catalog, self.data_path, HISTORY[:5])
        self.made = canvasback.init(self.attach, self.repository, storage=storage, stores=self.stores, **options)

    def commit(self, *statements: str) -> None:
        """Go on with the lake."""
        self.truth |= write(self.cloud, self.catalog, self.data_path, statements)

    def maintain(self, *statements: str) -> None:
        """Do what is no commit; snapshots may go by it."""
        with session(self.cloud, self.attach) as connection:
            for statement in statements:
                connection.execute(statement)

    def clean_up(self) -> None:
        """Expire all snapshots but the newest, and delete all files that nobody needs then."""
        self.maintain(
            "CALL ducklake_merge_adjacent_files('lake')",
            "CALL ducklake_expire_snapshots('lake', older_than => now())",
            "CALL ducklake_cleanup_old_files('lake', cleanup_all => true)",
            "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        )

    def backup(self, **options: Any) -> BackupResult:
        """Make a point."""
        return canvasback.backup(self.attach, self.repository, stores=self.stores, **options)

    def restored(self, name: str, point: str | None = None, truth: Truth | None = None, **options: Any) -> None:
        """Restore a point to a new place, and see that each snapshot is what it was."""
        to, place = f"ducklake:{self.folder}/{name}.ducklake", f"{self.cloud.bucket()}{name}/"
        result = canvasback.restore(
            to, self.repository, point or "latest", data_path=place, stores=self.stores, **options
        )
        assert result.findings == ()
        self.is_right(to, truth)

    def is_right(self, attach: str, truth: Truth | None = None) -> None:
        """See that a lake answers rightly, at each of its snapshots."""
        truth = self.truth if truth is None else truth
        assert truth
        assert comparable(read(self.cloud, attach, truth)) == comparable(truth)
        passed: set[str] = set()
        for snapshot in truth:
            with session(self.cloud, attach, "READ_ONLY", f"SNAPSHOT_VERSION {snapshot}") as connection:
                assert wrong_answers(connection, thorough=False, passed=passed) == []

    def verify(self, level: str = "exists") -> dict[str, int]:
        """What verify finds in all points."""
        found = canvasback.verify(self.repository, all_points=True, level=level, stores=self.stores)
        return dict(found.finding_counts)

    # The bucket, as others than us change it.

    @property
    def place(self) -> tuple[str, str]:
        """The lake's bucket and what its keys begin with."""
        bucket, _, prefix = self.data_path.removeprefix("s3://").partition("/")
        return bucket, prefix

    def client(self) -> Any:
        """A client of S3; whoever asks closes it."""
        assert isinstance(self.cloud.server, Ministack)
        return self.cloud.server.client()

    def names(self) -> list[str]:
        """What a reader of the bucket sees below the data path."""
        return [stat.name for stat in self.stores.open(self.data_path).list("")]

    def empty(self) -> None:
        """Delete all that is there, as a mistaken rule does."""
        store = self.stores.open(self.data_path)
        for name in self.names():
            store.delete(name)
        assert self.names() == []

    def overwrite(self, name: str, content: bytes | None = None) -> None:
        """Write something else over an object, of the same size if it is not said what."""
        bucket, prefix = self.place
        with closing(self.client()) as client:
            size = client.head_object(Bucket=bucket, Key=prefix + name)["ContentLength"]
            client.put_object(Bucket=bucket, Key=prefix + name, Body=b"?" * size if content is None else content)

    def entries(self) -> set[tuple[str, str]]:
        """The key and the id of each version that the bucket keeps."""
        bucket, prefix = self.place
        with closing(self.client()) as client:
            pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
            return {(found["Key"], found["VersionId"]) for page in pages for found in page.get("Versions", ())}

    def expire_noncurrent(self) -> int:
        """Remove for good what is not current, as a lifecycle rule does; how many there were."""
        bucket, prefix = self.place
        gone = 0
        with closing(self.client()) as client:
            for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
                for found in page.get("Versions", ()):
                    if not found["IsLatest"]:
                        client.delete_object(Bucket=bucket, Key=found["Key"], VersionId=found["VersionId"])
                        gone += 1
        return gone

    def suspend(self) -> None:
        """Have the bucket keep no versions any more."""
        with closing(self.client()) as client:
            client.put_bucket_versioning(Bucket=self.place[0], VersioningConfiguration={"Status": "Suspended"})
