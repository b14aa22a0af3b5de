"""Other servers that speak S3, which `make cross-check` installs and runs the tests of `ministack` against."""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.object_servers import HOST, Ministack, _end, _running, free_port

PLACE = Path(__file__).parents[1] / ".cross-check"

KEYS = ("test", "test")
RGW_KEYS = ("crosscheck", "secret of cross-check")


class Moto(Ministack):
    """S3 from a library of mocks. It checks no key."""


class CephRgw(Ministack):
    """S3 from Ceph's gateway to its objects. It checks keys, and knows those of one user."""

    def client(self, service: str = "s3", endpoint: str = "", key: str = RGW_KEYS[0], secret: str = RGW_KEYS[1]) -> Any:
        """See `Ministack.client`."""
        return super().client(service, endpoint, key, secret)


def keys_of(server: Ministack) -> tuple[str, str]:
    """The key and the secret that a server takes."""
    return RGW_KEYS if isinstance(server, CephRgw) else KEYS


@contextmanager
def moto(folder: Path) -> Iterator[Moto]:
    """Run moto, which holds everything in memory, for as long as a `with` block lasts."""
    program = PLACE / "moto" / "bin" / "moto_server"

    def command(port: int, _: Path) -> list[str | Path]:
        return [program, "-H", HOST, "-p", str(port)]

    variables = {"INITIAL_NO_AUTH_ACTION_COUNT": "999999"}
    with _running(folder, "/moto-api/data.json", command, variables) as port:
        yield Moto(port)


@contextmanager
def ceph_rgw(folder: Path) -> Iterator[CephRgw]:
    """Run a cluster of one monitor and one OSD, which holds everything in memory, and the gateway to it."""
    with tempfile.TemporaryDirectory(prefix="ceph-", dir=folder) as own:
        cluster = _Cluster(Path(own))
        osd = str(uuid.uuid4())
        address = f"[v2:{HOST}:{cluster.port}]"
        cluster.run("monmaptool", "--create", "--fsid", cluster.fsid, "--addv", "a", address, f"{own}/monmap")
        cluster.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", f"{own}/monmap")
        with cluster.daemon("ceph-mon", "-i", "a"):
            cluster.run("ceph", "--connect-timeout", "60", "osd", "new", osd)
            cluster.run("ceph-osd", "--mkfs", "-i", "0", "--osd-uuid", osd)
            with cluster.daemon("ceph-osd", "-i", "0"):
                key, secret = RGW_KEYS
                user = ["--uid", "cross", "--access-key", key, "--secret-key", secret]
                cluster.run("radosgw-admin", "user", "create", "--display-name", "Cross", *user)
                # The keys that tests/lake/cloud_lakes.py gives to DuckDB.
                key, secret = KEYS
                user = ["--uid", "cross", "--access-key", key, "--secret-key", secret]
                cluster.run("radosgw-admin", "key", "create", "--key-type", "s3", *user)

                def command(port: int, _: Path) -> list[str | Path]:
                    frontend = f"--rgw-frontends=beast endpoint={HOST}:{port}"
                    return [cluster.programs / "radosgw", "-f", "-n", "client.rgw", frontend]

                with _running(Path(own), "/", command, cluster.variables) as port:
                    yield CephRgw(port)


class _Cluster:
    """A configuration of Ceph, from packages that are unpacked but not installed."""

    programs = PLACE / "ceph" / "usr" / "bin"

    def __init__(self, folder: Path) -> None:
        root = PLACE / "ceph"
        libraries = root / "usr" / "lib" / "x86_64-linux-gnu"
        paths = (libraries, libraries / "ceph", root / "lib" / "x86_64-linux-gnu")
        self.port = free_port()
        self.fsid = str(uuid.uuid4())
        self.folder = folder
        self.variables = {
            "CEPH_CONF": str(folder / "conf"),
            "LD_LIBRARY_PATH": ":".join(map(str, paths)),
            "PYTHONPATH": str(root / "usr" / "lib" / "python3" / "dist-packages"),
        }
        for name in ("mon", "osd"):
            (folder / name).mkdir()
        settings = {
            "fsid": self.fsid,
            "mon host": f"v2:{HOST}:{self.port}",
            "public addr": HOST,
            "cluster addr": HOST,
            "auth cluster required": "none",
            "auth service required": "none",
            "auth client required": "none",
            "ms mon client mode": "crc",  # the gateway's own default needs keys
            "admin socket": "",
            "run dir": folder,
            "crash dir": folder,
            "log file": folder / "$name.log",
            "mon cluster log file": folder / "cluster.log",
            "mon data": folder / "mon",
            "mon data avail crit": 1,
            "mon allow pool size one": "true",
            "osd data": folder / "osd",
            "osd objectstore": "memstore",
            "memstore device bytes": 8 << 30,
            "osd crush chooseleaf type": 0,
            "osd pool default size": 1,
            "osd pool default min size": 1,
            "osd pool default pg num": 1,
            "osd pool default pgp num": 1,
            "osd pool default pg autoscale mode": "off",
            "plugin dir": libraries / "ceph",
            "erasure code dir": libraries / "ceph" / "erasure-code",
            "osd class dir": libraries / "rados-classes",
            "rgw lc debug interval": 5,  # a day of lifecycle rules takes so many seconds
        }
        lines = (f"{name} = {value}\n" for name, value in settings.items())
        (folder / "conf").write_text("[global]\n" + "".join(lines))

    def run(self, program: str, *arguments: str) -> None:
        """Run a program to its end."""
        done = subprocess.run(
            [self.programs / program, *arguments],
            env=os.environ | self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, (done.args, done.stdout + done.stderr)

    @contextmanager
    def daemon(self, program: str, *arguments: str) -> Iterator[None]:
        """Run a program in the foreground for as long as a `with` block lasts; what it says is in its log."""
        command: Sequence[str | Path] = [self.programs / program, "-f", *arguments]
        with subprocess.Popen(
            command,
            env=os.environ | self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                yield
            finally:
                _end(process)
