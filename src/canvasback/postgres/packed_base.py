"""A base backup as one object: the tar that ``pg_basebackup`` writes, compressed; read again, and unpacked.

What was stored is read once more and compared with PostgreSQL's own list of the files, which has the SHA-256 of each.
Source: PostgreSQL's documentation, "Backup Manifest Format".
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from typing import IO, cast

import msgspec
import zstandard

from canvasback.errors import CorruptError
from canvasback.model.wal import BackupLabel, Lsn
from canvasback.postgres.programs import Programs, failed
from canvasback.storage.checksums import Hashed, new_hasher
from canvasback.storage.store import Copied, Source, Store

LEVEL = 3
_LABEL, _LIST = "backup_label", "backup_manifest"
_KEPT = {_LABEL, _LIST}
_PIECE = 1 << 20


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a base backup's object.

    Attributes:
        label: Where it began.
        end: Where the log has to be read to at least.
        files: PostgreSQL's list of the files, as it wrote it.
        unpacked: The bytes of the files.
    """

    label: BackupLabel
    end: Lsn
    files: bytes
    unpacked: int


def store_base(
    programs: Programs, conninfo: str, store: Store, name: str, *, label: str, parent_list: str | None = None
) -> Copied:
    """Stream a base backup of a cluster into an object.

    Args:
        programs: Those of the server's version.
        conninfo: How to connect, without a password.
        store: Where to.
        name: The object's name.
        label: What the server calls the backup.
        parent_list: The file with the list of the files of the one that an incremental one rests on.

    Raises:
        CanvasbackError: ``pg_basebackup`` failed, or the object cannot be written.
    """
    more = [] if parent_list is None else [f"--incremental={parent_list}"]
    command = programs.command(
        "pg_basebackup", f"--dbname={conninfo}", "--pgdata=-", "--format=tar", "--wal-method=none", "--no-password",
        "--checkpoint=fast", f"--label={label}", "--manifest-checksums=SHA256", *more,
    )  # fmt: skip
    with (
        tempfile.TemporaryFile() as said,
        # Its own session: a signal for us is no reason for it to leave half of a backup and call it done.
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, start_new_session=True) as process,  # noqa: S603
    ):
        assert process.stdout is not None
        packing = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).stream_reader(process.stdout)
        try:
            return store.copy_new(name, _Watched(packing, process, said), 0)
        finally:
            process.kill()


class _Watched:
    """A stream whose end is an error if the program that writes it has failed: nothing then looks like all there is."""

    def __init__(self, source: Source, process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
        self._source = source
        self._process = process
        self._said = said

    def read(self, size: int, /) -> bytes:
        """See `Source.read`."""
        piece = self._source.read(size)
        if not piece and self._process.wait():
            self._said.seek(0)
            raise failed("pg_basebackup", self._process.returncode, self._said.read())
        return piece


class _List(msgspec.Struct):
    """What PostgreSQL's list says that we need."""

    class File(msgspec.Struct, rename={"path": "Path", "encoded": "Encoded-Path", "size": "Size", "sum": "Checksum"}):
        size: int
        path: str = ""
        encoded: str = ""
        sum: str = ""

    class Range(msgspec.Struct, rename={"timeline": "Timeline", "start": "Start-LSN", "end": "End-LSN"}):
        timeline: int
        start: str
        end: str

    files: list[File] = msgspec.field(name="Files")
    ranges: list[Range] = msgspec.field(name="WAL-Ranges")


def check_base(store: Store, name: str, blake3: str) -> Packed:
    """Read all of a base backup, and see that it holds the files that PostgreSQL listed.

    Args:
        store: The repository.
        name: Its object.
        blake3: The object's BLAKE3.

    Raises:
        CorruptError: It does not (``base-corrupt``).
    """
    sums: dict[str, tuple[int, str]] = {}
    kept: dict[str, bytes] = {}
    with _open_tar(store, name, blake3) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is None:
                continue
            hasher, size, whole = hashlib.sha256(), 0, b""
            while piece := content.read(_PIECE):
                hasher.update(piece)
                size += len(piece)
                whole += piece if member.name in _KEPT else b""
            sums[member.name] = size, hasher.hexdigest()
            if member.name in _KEPT:
                kept[member.name] = whole
    if kept.keys() != _KEPT:
        raise _corrupt(store, name, "it has no label, or no list of its files")
    try:
        listed = msgspec.json.decode(kept[_LIST], type=_List)
    except msgspec.DecodeError as error:
        raise _corrupt(store, name, f"the list of its files cannot be read: {error}") from error
    for file in listed.files:
        path = file.path or bytes.fromhex(file.encoded).decode(errors="surrogateescape")
        if sums.get(path) != (file.size, file.sum):
            raise _corrupt(store, name, f"the file {path} is not what PostgreSQL listed")
    label = BackupLabel.parse(kept[_LABEL])
    end = max((Lsn.parse(one.end) for one in listed.ranges), default=label.start)
    return Packed(label=label, end=end, files=kept[_LIST], unpacked=sum(size for size, _ in sums.values()))


def unpack_base(store: Store, name: str, blake3: str, folder: str) -> None:
    """Write the files of a base backup into a folder.

    Raises:
        CorruptError: It is damaged (``base-corrupt``); some files may be there.
    """
    with _open_tar(store, name, blake3) as tar:
        tar.extractall(folder, filter="tar")


@contextlib.contextmanager
def _open_tar(store: Store, name: str, blake3: str) -> Iterator[tarfile.TarFile]:
    """The tar in an object, for the time of a block; at its end all has been read, and is what was written."""
    hasher = new_hasher("blake3")
    with store.open(name, vouch=False) as held:
        hashed = Hashed(held, hasher)
        try:
            packed = zstandard.ZstdDecompressor().stream_reader(cast("IO[bytes]", hashed))
            with tarfile.open(fileobj=packed, mode="r|") as tar:
                yield tar
            while packed.read(_PIECE):
                pass
        except (tarfile.TarError, zstandard.ZstdError) as error:
            raise _corrupt(store, name, str(error)) from error
        while hashed.read(_PIECE):
            pass
    if hasher.hexdigest() != blake3:
        raise _corrupt(store, name, "its content is not what was written")


def _corrupt(store: Store, name: str, why: str) -> CorruptError:
    return CorruptError(
        "base-corrupt",
        f"{store.url}{name} is damaged: {why}",
        hint="Take it from another place of the repository, or use another base backup: canvasback pitr list.",
    )
