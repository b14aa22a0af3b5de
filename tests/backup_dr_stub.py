"""A stand-in for Google's Backup and DR, on loopback: Google's own types write what it answers, one entry a page."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from google.auth.credentials import AnonymousCredentials
from google.cloud.backupdr_v1 import BackupDRClient, types
from google.cloud.backupdr_v1.services.backup_dr.transports import BackupDRRestTransport

from tests.object_servers import HOST

SQL, ALLOYDB = "sqladmin.googleapis.com/Instance", "alloydb.googleapis.com/Cluster"


class BackupDrStub:
    """The vaults of one project.

    Attributes:
        status: What every request is answered with; 200 for an answer.
        asked: The paths that were asked for.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self.status = 200
        self.asked: list[str] = []
        self._references: dict[str, list[types.DataSourceReference]] = {}
        self._backups: dict[str, list[types.Backup]] = {}

    def protect(self, parent: str, kind: str, resource: str, state: str = "SUCCEEDED") -> str:
        """Let a resource of a location have a backup plan; answer its data source."""
        source = f"{parent}/backupVaults/vault/dataSources/{resource.rpartition('/')[2]}-source"
        info = {"last_backup_state": getattr(types.BackupConfigInfo.LastBackupState, state)}
        self._references.setdefault(parent, []).append(
            types.DataSourceReference(
                name=f"{parent}/dataSourceReferences/{len(self._backups)}",
                data_source=source,
                data_source_backup_config_info=info,
                data_source_gcp_resource_info={"gcp_resourcename": resource, "type_": kind},
            )
        )
        self._backups[source] = []
        return source

    def add_backup(
        self, source: str, captured: datetime, expires: datetime | None = None, state: str = "ACTIVE"
    ) -> str:
        """A backup of a data source; answer its name."""
        name = f"{source}/backups/{len(self._backups[source])}"
        backup = types.Backup(
            name=name, state=getattr(types.Backup.State, state), consistency_time=captured, expire_time=expires
        )
        self._backups[source].append(backup)
        return name

    def answer(self, path: str, page: int) -> tuple[int, dict[str, Any]]:
        """The status and the body of an answer: one entry, and where the next one is."""
        self.asked.append(path)
        if self.status != 200:
            return self.status, {"error": {"code": self.status, "message": "said so", "status": "X"}}
        parent, _, what = path.removeprefix("/v1/").rpartition("/")
        entries: dict[str, tuple[str, list[Any]]] = {
            "dataSourceReferences": ("dataSourceReferences", self._references.get(parent, [])),
            "backups": ("backups", self._backups.get(parent, [])),
        }
        name, found = entries[what]
        told = [json.loads(type(entry).to_json(entry)) for entry in found[page : page + 1]]
        return 200, {name: told, "nextPageToken": str(page + 1) if page + 1 < len(found) else ""}

    def client(self) -> BackupDRClient:
        """Google's own client, of this server."""
        transport = BackupDRRestTransport(
            host=f"{HOST}:{self.port}",
            url_scheme="http",
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        )
        return BackupDRClient(transport=transport)


@contextmanager
def backup_dr_stub() -> Iterator[BackupDrStub]:
    """Run the stand-in for as long as a `with` block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = parse_qs(url.query)
            status, body = stub.answer(url.path, int(query.get("pageToken", ["0"])[0]))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        server.daemon_threads = True
        stub = BackupDrStub(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
