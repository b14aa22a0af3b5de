"""s3-within: the first backup of a lake in an object store to the same service: what passes through the client."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from bench import objects, ours, peers
from bench.cases.s3_up import BUCKET, MEMORY_LIMIT, Shape, large, small
from bench.lakes import Lake
from bench.measure import Command, Samples, interleave, run_process
from bench.objects import Server
from bench.report import NOTHING, Row, bytes_at_most, counted, mebibytes, peak_memory, ratio_of_times, unusable
from tests.proxy import FaultProxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.session import Session
    from tests.proxy import Request

NAME = "s3-within"
LAKE = "lake"


def run(session: Session) -> list[Row]:
    """Per shape: the times without a proxy, then one more run of each through a proxy that counts."""
    return [row for shape in (small(session), large(session)) for row in _measured(session, shape)]


def _measured(session: Session, shape: Shape) -> list[Row]:
    """Every process copies to a fresh prefix; its copies share their bytes, so that the server's memory holds."""
    folder = session.fresh(NAME)
    folder.mkdir()
    with objects.running(folder) as server:
        source = _uploaded(server, shape, folder)
        contenders: dict[str, Callable[[Server, int], Command]] = {
            "ours": lambda through, number: _backup(through, source, f"s3://{BUCKET}/repo-{number}"),
            "rclone": lambda through, number: through.reached_by(
                peers.rclone_transfer(peers.remote(f"{LAKE}/data"), peers.remote(f"{BUCKET}/mirror-{number}"))
            ),
        }
        timed = interleave(session, {name: partial(contender, server) for name, contender in contenders.items()})
        requests = {
            name: _counted(server, partial(contender, number=session.runs))
            for name, contender in contenders.items()
            if timed[name].usable
        }
    what = f"first backup of {shape.text} from S3 to S3"
    return [
        ratio_of_times(NAME, f"{what} / rclone copy", timed["ours"], timed["rclone"], None),
        peak_memory(NAME, f"peak memory: {what}", timed["ours"], MEMORY_LIMIT),
        _bytes(f"{what}: bytes of data files through the client", timed, requests),
        _requests(f"{what}: requests per file / rclone's", timed, requests),
    ]


def _bytes(what: str, timed: dict[str, Samples], requests: dict[str, list[Request]]) -> Row:
    """In the bodies of our requests that write data files, and of the answers to those that read them."""
    if broken := unusable(NAME, what, (timed["ours"],), f"≤ {mebibytes(0)}"):
        return broken
    data = [request for request in requests["ours"] if _is_data(request)]
    sent = sum(request.sent for request in data if request.method == "PUT")
    received = sum(request.received for request in data if request.method == "GET")
    return bytes_at_most(NAME, what, sent + received, 0)


def _requests(what: str, timed: dict[str, Samples], requests: dict[str, list[Request]]) -> Row:
    if broken := unusable(NAME, what, tuple(timed.values()), NOTHING):
        return broken
    files = len({request.path for request in requests["ours"] if request.method == "PUT" and _is_data(request)})
    return counted(NAME, what, (len(requests["ours"]) / files, len(requests["rclone"]) / files))


def _uploaded(server: Server, shape: Shape, folder: Path) -> Lake:
    """The same lake with its files in the object store: a copy of the catalog that names them there."""
    moved = Lake(folder, shape.lake.file_bytes, linked=False)
    shutil.copyfile(shape.lake.catalog, moved.catalog)
    for bucket in (LAKE, BUCKET):
        server.create_bucket(bucket)
    server.run(peers.rclone_transfer(shape.lake.data, peers.remote(f"{LAKE}/data")))
    server.run(ours.repoint(moved, f"s3://{LAKE}/data/"))
    return moved


def _backup(server: Server, source: Lake, repository: str) -> Command:
    server.run(ours.initialize(source, repository))
    return server.reached_by(ours.backup(source, repository))


def _counted(server: Server, contender: Callable[[Server], Command]) -> list[Request]:
    """The requests of a process, which it makes through a proxy."""
    with FaultProxy(server.endpoint) as proxy:
        command = contender(Server(proxy.endpoint))
        proxy.clear()
        run_process(command)
        return proxy.requests


def _is_data(request: Request) -> bool:
    """Whether it is about a data file, of the lake or in our repository."""
    return "/data/" in request.path and request.path.endswith(".parquet")
