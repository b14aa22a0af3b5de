"""An S3 server of our own, the package ministack, which keeps every object in memory."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench import peers
from bench.measure import ProcessFailedError, clean_environment, run_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.measure import Command

HOST = "127.0.0.1"
KEY = "test"
REGION = "us-east-1"
READY = "/_ministack/ready"
PATIENCE = 60
"""Seconds that the server may take to start."""


@dataclass(frozen=True)
class Server:
    """What answers at an endpoint: the server, or a proxy before it."""

    endpoint: str

    def reached_by(self, command: Command) -> Command:
        """The same command, with what canvasback or rclone needs to find the server."""
        aws = {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        remote = {
            "type": "s3",
            "provider": "Other",
            "access_key_id": KEY,
            "secret_access_key": KEY,
            "endpoint": self.endpoint,
            "region": REGION,
        }
        rclone = {f"RCLONE_CONFIG_{peers.REMOTE.upper()}_{name.upper()}": value for name, value in remote.items()}
        return replace(command, environment={**command.environment, **aws, **rclone})

    def run(self, command: Command) -> None:
        """Run a command that prepares something (untimed)."""
        run_process(self.reached_by(command))

    def create_bucket(self, name: str) -> None:
        """Make a bucket; by rclone, to keep the process that measures small."""
        self.run(peers.rclone("mkdir", peers.remote(name)))


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Run an empty server for as long as a `with` block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ministack-", dir=folder) as own:
        port = _free_port()
        variables = {
            "AUTH": "true",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "SERVICES": "s3,iam,sts",
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "TMPDIR": own,
        }
        process = subprocess.Popen(
            [Path(sys.executable).with_name("ministack")],
            cwd=own,
            env=clean_environment() | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(process, port)
            yield Server(f"http://{HOST}:{port}")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def renewable(folder: Path) -> Iterator[Callable[[], Server]]:
    """Give a function that ends the server there was and starts an empty one, so that no run fills its memory."""
    with ExitStack() as stack:

        def renew() -> Server:
            stack.close()
            return stack.enter_context(running(folder))

        yield renew


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if _ready(port):
            return
        time.sleep(0.05)
    state = "does not answer" if process.poll() is None else f"ended with {process.returncode}"
    raise ProcessFailedError(f"ministack {state}")


def _ready(port: int) -> bool:
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", READY)
            return connection.getresponse().status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
