"""A stand-in for Google's Storage Transfer Service and for what gives out tokens, on loopback; one job a page.

What a request has to be like is what Google documents of it:
https://cloud.google.com/storage-transfer/docs/reference/rest/v1/transferJobs/list
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.object_servers import HOST

PROJECT = "project"


class TransferStub:
    """The jobs of one project.

    Attributes:
        jobs: What is there.
        status: What every request is answered with; 200 for an answer.
        asked: The filters that were sent.
    """

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://{HOST}:{port}"
        self.status = 200
        self.jobs: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []

    def replicate(self, name: str, source: str, to: str, **spec: Any) -> None:
        """Let a bucket be copied to another one."""
        self.jobs.append(
            {
                "name": f"transferJobs/{name}",
                "projectId": PROJECT,
                "status": spec.pop("status", "ENABLED"),
                "replicationSpec": {"gcsDataSource": {"bucketName": source}, "gcsDataSink": {"bucketName": to}, **spec},
            }
        )

    def credentials(self, folder: Path) -> Path:
        """A file with a service account's credentials, for which tokens come from here."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        found = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "lake@project.iam.gserviceaccount.com",
            "token_uri": f"{self.endpoint}/token",
        }
        path = folder / "credentials.json"
        path.write_text(json.dumps(found))
        return path

    def answer(self, query: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        """The answer to a listing."""
        if self.status != 200:
            return self.status, {"error": {"code": self.status, "message": "Storage Transfer API is not enabled"}}
        wish = json.loads(query["filter"][0])
        self.asked.append(wish)
        if wish.get("projectId") != PROJECT or wish.get("dataBackend") != "QUERY_REPLICATION_CONFIGS":
            return 400, {"error": {"code": 400, "message": "no such project, or not of replication"}}
        fitting = [
            job for job in self.jobs if job["replicationSpec"]["gcsDataSource"]["bucketName"] == wish["sourceBucket"]
        ]
        at = int(query.get("pageToken", ["0"])[0])
        more = {"nextPageToken": str(at + 1)} if at + 1 < len(fitting) else {}
        return 200, {**({"transferJobs": fitting[at : at + 1]} if fitting else {}), **more}


@contextmanager
def transfer_stub() -> Iterator[TransferStub]:
    """Run it for as long as a `with` block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._send(200, {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})

        def do_GET(self) -> None:
            path = urlsplit(self.path)
            if self.headers.get("Authorization") != "Bearer token":
                self._send(401, {"error": {"code": 401, "message": "no token"}})
            elif path.path != "/v1/transferJobs":
                self._send(404, {"error": {"code": 404, "message": "no such method"}})
            else:
                self._send(*stub.answer(parse_qs(path.query)))

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        stub = TransferStub(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
