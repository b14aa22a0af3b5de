"""A cluster that recovers from a base backup and an archived log, on a socket that only we know, and then stands still.

Nothing is written into its configuration: what matters is said on the server's command line, where it counts most. Its
own files of configuration may be elsewhere, or name what is not here, so it gets others. Sources: PostgreSQL's
documentation, "Archive Recovery", "Recovery Target", "Hot Standby Parameter Reference" and "File Locations".
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from typing import Any, Self

from canvasback.catalog.engines.arrow import query
from canvasback.catalog.engines.postgres.session import connect
from canvasback.errors import LakeError
from canvasback.model.conninfo import connection_items, connection_string
from canvasback.model.lake import LakeName
from canvasback.model.wal import Lsn
from canvasback.postgres.programs import Programs
from canvasback.postgres.wal_feed import WalFeed

_LOOK = 0.05
"""Seconds between two looks at a server that recovers."""

_SETTLED = 3
"""So many looks a server that follows has asked again for one segment and got no further: the log has ended."""

_HANDED_DOWN = {
    "max_connections": "max_connections",
    "max_worker_processes": "max_worker_processes",
    "max_wal_senders": "max_wal_senders",
    "max_prepared_transactions": "max_prepared_xacts",
    "max_locks_per_transaction": "max_locks_per_xact",
}
"""What a standby needs at least as much of as its primary, and what ``pg_controldata`` calls it."""


_TOGETHER = (
    'exec 3<&0 </dev/null; ( ( read -r _ <&3 || kill -QUIT $$ ) >/dev/null 2>&1 & ); exec 3<&-; exec "$@"',
    "canvasback",
)
"""Becomes the server, after it has left somebody behind who ends it when our end of a pipe closes without a word: so it
does not outlive us, however we end."""


class Recovering:
    """A server that recovers, or has recovered. Use as a context manager, which stops it.

    Attributes:
        lake: The recovered catalog.

    Args:
        programs: Those of the cluster's version, and as whom they run.
        data: The cluster's folder.
        folder: An empty folder of ours, for its socket and its log; its path has to be short.
        lake: The catalog as it is called where it lived: its database, and as whom to ask.
        feed: Answers for the log.
        target: Where to stop; None to go on to the end of the log, and wait there.
        timeline: The timeline to recover along.
        lasting: Whether the cluster has to survive a power failure.
    """

    def __init__(
        self,
        programs: Programs,
        data: str,
        folder: str,
        lake: LakeName,
        feed: WalFeed,
        *,
        target: Lsn | None,
        timeline: int,
        lasting: bool = True,
    ) -> None:
        self._programs = programs
        self._data = data
        self._folder = folder
        self._feed = feed
        self._target = target
        self._timeline = timeline
        self._lasting = lasting
        self._server: subprocess.Popen[bytes] | None = None
        items = connection_items(lake.target) or {}
        kept = {key: items[key] for key in ("dbname", "user") if key in items}
        self.lake = LakeName("postgres", connection_string(kept | {"host": folder, "port": "5432"}), lake.schema)

    def __enter__(self) -> Self:
        """Start the server, and wait until it stands still where it is to stop.

        Raises:
            CanvasbackError: It cannot get there.
        """
        kind = "recovery.signal" if self._target is not None else "standby.signal"
        self._write(self._data, kind, "")
        self._write(self._folder, "postgresql.conf", "")
        self._write(self._folder, "pg_ident.conf", "")
        self._write(self._folder, "pg_hba.conf", "local all all trust\n")  # in a folder of ours
        try:
            self._start()
            self._wait()
        except BaseException:
            self.stop(signal.SIGQUIT)
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the server, so that it can be started by whoever owns the cluster."""
        self.stop()

    def promote(self) -> None:
        """End the recovery: the cluster begins a timeline of its own, and can be written to.

        Raises:
            LakeError: It does not (``recovery-failed``).
        """
        self._ask("SELECT pg_wal_replay_resume()" if self._target is not None else "SELECT pg_promote()")
        while self._ask("SELECT pg_is_in_recovery()"):
            self._check()
            time.sleep(_LOOK)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.communicate(b"done\n")
            self._server = None

    def reached(self) -> Lsn:
        """The position up to which the log was read."""
        return Lsn.parse(str(self._ask("SELECT pg_last_wal_replay_lsn()::text")))

    def _start(self) -> None:
        settings = {
            "config_file": os.path.join(self._folder, "postgresql.conf"),
            "hba_file": os.path.join(self._folder, "pg_hba.conf"),
            "ident_file": os.path.join(self._folder, "pg_ident.conf"),
            "unix_socket_directories": self._folder,
            "unix_socket_permissions": "0777",  # the folder lets only us in
            "listen_addresses": "",
            "port": "5432",
            "restore_command": self._feed.command,
            "recovery_target_timeline": str(self._timeline),
            "hot_standby": "on",
            "archive_mode": "off",
            "primary_conninfo": "",
            "primary_slot_name": "",
            "recovery_end_command": "",
            "archive_cleanup_command": "",
            "recovery_min_apply_delay": "0",
            "wal_retrieve_retry_interval": "50ms",
            "synchronous_standby_names": "",
            "shared_preload_libraries": "",
            "session_preload_libraries": "",
            "ssl": "off",
            "logging_collector": "off",
            "log_destination": "stderr",
            "fsync": "on" if self._lasting else "off",
            "recovery_init_sync_method": "syncfs",
            **self._handed_down(),
        }
        if self._target is not None:
            settings |= {
                "recovery_target_lsn": str(self._target),
                "recovery_target_inclusive": "on",
                "recovery_target_action": "pause",
            }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self._log_file, "wb") as log:
            # A session of its own: who interrupts us stops us, and we stop the server.
            self._server = subprocess.Popen(  # noqa: S603 - PostgreSQL's own program
                ["/bin/sh", "-c", *_TOGETHER, *self._programs.command("postgres"), "-D", self._data, *options],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._programs.as_whom(),
            )

    def _handed_down(self) -> dict[str, str]:
        said = self._programs.run("pg_controldata", "-D", self._data)
        told = dict(re.findall(r"^(\w+) setting: +(\d+)$", said, re.MULTILINE))
        return {name: told[word] for name, word in _HANDED_DOWN.items() if word in told}

    def _wait(self) -> None:
        """Wait until it stands still: at its target, or at the end of the log."""
        vain, before, asked = 0, Lsn(0), 0
        while True:
            self._check()
            time.sleep(_LOOK)
            try:
                if self._target is not None:
                    if self._stands():
                        return
                    continue
                reached = self.reached()
            except LakeError as error:
                # The database, or whom we ask as, is not there; all else may pass.
                if error.code == "recovery-failed" or "does not exist" in error.message:
                    raise
                continue
            # It asks again and again where the log ends, and nowhere else; while it works it only gets further.
            if reached != before or self._feed.repeated < asked:
                vain, before = 0, reached
            elif self._feed.repeated > asked:
                vain += 1
            asked = self._feed.repeated
            if vain >= _SETTLED:
                return

    def _stands(self) -> bool:
        """Whether it stands still at its target."""
        if not self._ask("SELECT pg_get_wal_replay_pause_state() = 'paused'"):
            return False
        if self._target is not None and self.reached() <= self._target:
            raise self._failed("it stands still before, as its primary was given higher limits meanwhile")
        return True

    def _check(self) -> None:
        """See that it still runs.

        Raises:
            CanvasbackError: The log could not be read.
            LakeError: It ended (``recovery-failed``).
        """
        if self._feed.error is not None:
            raise self._feed.error
        if self._server is None or self._server.poll() is not None:
            raise self._failed(self._reason())

    def _failed(self, why: str) -> LakeError:
        lacking = f": the archive has no {self._feed.lacking}" if self._feed.lacking else ""
        return LakeError(
            "recovery-failed",
            f"the recovery did not get to {self._target or 'the end of the log'}{lacking}; PostgreSQL says: {why}",
            hint="See what the archive has: canvasback pitr list and pitr verify. Only the new cluster was changed.",
        )

    def _reason(self) -> str:
        with open(self._log_file, encoding="utf-8", errors="replace") as log:
            lines = [line.strip() for line in log if re.search(r"(FATAL|PANIC|ERROR): ", line)]
        return re.sub(r"^.*?(?=(FATAL|PANIC|ERROR): )", "", lines[-1]) if lines else "nothing"

    def _ask(self, sql: str) -> Any:
        with connect(self.lake, read_only=True) as connection, connection.cursor() as cursor:
            return query(cursor, sql)[0][0]

    @property
    def _log_file(self) -> str:
        return os.path.join(self._folder, "log")

    def _write(self, folder: str, name: str, content: str) -> None:
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        if self._programs.account is not None:
            os.chown(path, self._programs.account.user, self._programs.account.group)
