"""s3-pinned: a point that names the versions which the lake's bucket keeps, after a small commit: what it asks for."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

from bench import objects, ours, peers
from bench.cases.s3_up import BUCKET, MEMORY_LIMIT, small
from bench.cases.s3_versions import client_of
from bench.lakes import Lake, in_child
from bench.measure import interleave, run_process
from bench.objects import Server
from bench.report import Row, bytes_at_most, peak_memory, ratio, ratio_of_times
from tests.proxy import FaultProxy

if TYPE_CHECKING:
    from pathlib import Path

    from bench.cases.s3_up import Shape
    from bench.session import Session
    from tests.proxy import Request

NAME = "s3-pinned"
LAKE = "lake"
PINNED, COPIED = f"s3://{BUCKET}/pinned", f"s3://{BUCKET}/copied"
NEW_FILES = 50
REQUESTS = 1.2
"""Of each new file, with all that a point takes besides."""


def run(session: Session) -> list[Row]:
    """One first point each (not reported), then per run a commit, and a point in each; then one more, counted."""
    shape = small(session)
    folder = session.fresh(NAME)
    folder.mkdir()
    with objects.running(folder) as server:
        source = _uploaded(server, shape, folder)
        server.run(ours.canvasback("init", PINNED, "--lake", source.attach_string, "--storage", "versions"))
        server.run(ours.initialize(source, COPIED))
        backups = {"pinned": ours.backup(source, PINNED), "copied": ours.backup(source, COPIED)}
        for backup in backups.values():
            server.run(backup)
        contenders = {name: lambda _, to=to: server.reached_by(to) for name, to in backups.items()}  # type: ignore[misc]
        timed = interleave(session, contenders, before=lambda _: _commit(server, source))
        _commit(server, source)
        with FaultProxy(server.endpoint) as proxy:
            run_process(Server(proxy.endpoint).reached_by(backups["pinned"]))
            requests = proxy.requests
    what = f"point of versions after a commit of {NEW_FILES} files to {shape.files:,}"
    data = [request for request in requests if request.path.startswith(f"/{LAKE}/")]
    texts = (f"{len(requests)} requests", f"{NEW_FILES} new files")
    return [
        ratio(NAME, f"{what}: requests / new files", (len(requests), NEW_FILES), texts, target=REQUESTS),
        bytes_at_most(NAME, f"{what}: bytes of data files through the client", _bytes(data), 0),
        ratio_of_times(NAME, f"{what} / of copies", timed["pinned"], timed["copied"], None),
        peak_memory(NAME, f"peak memory: {what}", timed["pinned"], MEMORY_LIMIT),
    ]


def _bytes(requests: list[Request]) -> int:
    sent = sum(request.sent for request in requests if request.method == "PUT")
    return sent + sum(request.received for request in requests if request.method == "GET")


def _uploaded(server: Server, shape: Shape, folder: Path) -> Lake:
    """The same lake with its files in a bucket that keeps versions."""
    moved = Lake(folder, shape.lake.file_bytes, linked=False)
    shutil.copyfile(shape.lake.catalog, moved.catalog)
    for bucket in (LAKE, BUCKET):
        server.create_bucket(bucket)
    in_child(keep_versions, server.endpoint)
    server.run(peers.rclone_transfer(shape.lake.data, peers.remote(f"{LAKE}/data")))
    server.run(ours.repoint(moved, f"s3://{LAKE}/data/"))
    return moved


def _commit(server: Server, source: Lake) -> None:
    source.commit(NEW_FILES)
    server.run(peers.rclone_transfer(source.data, peers.remote(f"{LAKE}/data")))


def keep_versions(endpoint: str) -> None:
    """Have the lake's bucket keep versions, in this process."""
    with closing(client_of(endpoint)) as client:
        client.put_bucket_versioning(Bucket=LAKE, VersioningConfiguration={"Status": "Enabled"})
