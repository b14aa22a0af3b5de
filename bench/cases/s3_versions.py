"""s3-versions: a few objects come back from among a great many versions, against rclone's view of an earlier time."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from bench import objects, ours, peers
from bench.lakes import Lake, in_child, lake
from bench.measure import interleave, note
from bench.report import Row, peak_memory, ratio_of_times

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measure import Command
    from bench.objects import Server
    from bench.session import Session

NAME = "s3-versions"
BUCKET = "lake"
NEEDED = 1_000
OTHERS = 33_000
OF_EACH = 3
"""Objects that DuckLake deleted long ago, and the contents that each of them had."""
FILE_BYTES = 10 * 2**10
MEMORY = 256 * 2**20


def run(session: Session) -> list[Row]:
    """Before each run the lake's files are deleted; nobody may delete what there was before."""
    needed, others = session.scaled(NEEDED), session.scaled(OTHERS)
    made = lake(session, needed, FILE_BYTES)
    folder = session.fresh(NAME)
    folder.mkdir()
    with objects.running(folder) as server:
        moved = _uploaded(server, made, folder, others)
        alive = datetime.now(UTC)
        time.sleep(2)  # versions have whole seconds

        def heal(_: int) -> Command:
            in_child(delete_all, server.endpoint)
            return server.reached_by(
                ours.canvasback("heal", moved.attach_string, "--from", "versions", "--level", "exists")
            )

        def rclone(_: int) -> Command:
            in_child(delete_all, server.endpoint)
            then = f"{peers.REMOTE},version_at='{alive:%Y-%m-%d %H:%M:%S}':{BUCKET}/data"
            flags = ("--transfers", "16", "--checkers", "16", "--use-server-modtime", "--server-side-across-configs")
            return server.reached_by(peers.rclone("copy", *flags, then, peers.remote(f"{BUCKET}/data")))

        timed = interleave(session, {"ours": heal, "rclone": rclone})
    what = f"{needed:,} objects back from among {needed + others * OF_EACH:,} versions"
    return [
        ratio_of_times(NAME, f"{what} / rclone copy of an earlier time", timed["ours"], timed["rclone"], 0.5),
        peak_memory(NAME, f"{what}: peak memory", timed["ours"], MEMORY),
    ]


def _uploaded(server: Server, made: Lake, folder: Path, others: int) -> Lake:
    """The lake with its files in a bucket that keeps versions, among what many deleted objects had held."""
    moved = Lake(folder, made.file_bytes, linked=False)
    shutil.copyfile(made.catalog, moved.catalog)
    server.create_bucket(BUCKET)
    note(f"making {others * OF_EACH:,} versions of {others:,} objects that were deleted")
    folders = sorted({path.parent.relative_to(made.folder).as_posix() for path in made.data.rglob("*.parquet")})
    in_child(fill, server.endpoint, others, folders)
    server.run(peers.rclone_transfer(made.data, peers.remote(f"{BUCKET}/data")))
    server.run(ours.repoint(moved, f"s3://{BUCKET}/data/"))
    return moved


def fill(endpoint: str, others: int, folders: list[str]) -> None:
    """Have the bucket keep versions, and fill folders with deleted objects, in this process."""
    with closing(client_of(endpoint)) as client, ThreadPoolExecutor(16) as pool:
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

        def write(number: int) -> None:
            key = f"{folders[number % len(folders)]}/ducklake-{uuid4()}.parquet"
            for _ in range(OF_EACH):
                client.put_object(Bucket=BUCKET, Key=key, Body=b"PAR1")

        for _ in pool.map(write, range(others)):
            pass
    delete_all(endpoint)


def delete_all(endpoint: str) -> None:
    """Hide all objects behind delete markers, in this process."""
    with closing(client_of(endpoint)) as client:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
            keys = [{"Key": found["Key"]} for found in page.get("Contents", ())]
            if keys:
                client.delete_objects(Bucket=BUCKET, Delete={"Objects": keys, "Quiet": True})


def client_of(endpoint: str) -> Any:
    """A client of S3, in this process; whoever asks closes it."""
    from botocore.config import Config  # noqa: PLC0415 - only the process that makes the bucket needs it
    from botocore.session import Session as AwsSession  # noqa: PLC0415

    return AwsSession().create_client(
        "s3",
        region_name=objects.REGION,
        endpoint_url=endpoint,
        aws_access_key_id=objects.KEY,
        aws_secret_access_key=objects.KEY,
        config=Config(max_pool_connections=16, s3={"addressing_style": "path"}),
    )
