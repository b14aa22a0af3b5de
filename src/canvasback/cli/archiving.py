"""``canvasback-wal-push`` and ``canvasback-wal-fetch``: PostgreSQL's archive_command and restore_command.

They start for every file of the log, so they load as little as can be, in few modules: for a folder not even the rest
of Canvasback, whose stores do the same with more in hand. What both write is the same, see `repository.wal_object`.

Push ends with 0 when the file is in the repository for good, and with 1 when it is to be tried again. What fetch ends
with decides what a recovery does: with 1 the file is not in the archive, which is how PostgreSQL finds the end of the
log; with more than 125 the recovery stops and fails, for a file that is damaged, or a repository that cannot be
reached, is no end of the log. Source: PostgreSQL's documentation, "Recovering Using a Continuous Archive Backup".
"""

from __future__ import annotations

import os
import sys

MARKER = "canvasback.json"
NOT_THERE, STOP = 1, 126
_SEGMENT = 24
"""The length of a segment's name."""


class Refusal(Exception):  # noqa: N818 - it is told, and never leaves the program
    """What is wrong, in words and with a code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} [{code}]")


def push() -> None:
    """The console script ``canvasback-wal-push``."""
    try:
        repository, system, [path] = _arguments("archive_command = 'canvasback-wal-push -r REPO %p'", 1)
        with open(path, "rb") as file:
            content = file.read()
        _put(repository, system, os.path.basename(path), content)
    except (Refusal, OSError, ValueError) as error:
        _say("canvasback-wal-push", error)
        sys.exit(1)


def fetch() -> None:
    """The console script ``canvasback-wal-fetch``."""
    try:
        repository, system, [file, path] = _arguments("restore_command = 'canvasback-wal-fetch -r REPO %f %p'", 2)
        content = _get(repository, system, file)
        if content is None:
            sys.exit(NOT_THERE)
        from canvasback.repository.wal_object import write_content  # noqa: PLC0415 - _get has loaded it

        with open(path, "wb") as written:
            write_content(written, content)
    except (Refusal, OSError, ValueError) as error:
        _say("canvasback-wal-fetch", error)
        sys.exit(STOP)


def _put(repository: str, system: int, file: str, content: bytes) -> None:
    folder = _folder_of(repository)
    if folder is None:
        from canvasback.cli import archiving_in_buckets  # noqa: PLC0415 - a second to load, where it must be

        archiving_in_buckets.push(repository, system, file, content)
    else:
        _put_into_folder(folder, system, file, content)


def _put_into_folder(folder: str, system: int, file: str, content: bytes) -> None:
    """Create the object, whole and durable; or see that it is there with the same content."""
    _load_zstandard_alone()
    from canvasback.repository.wal_object import (  # noqa: PLC0415 - not before
        HEAD_BYTES,
        encode,
        head_of,
        read_head,
        wal_name,
        wrong_segment,
    )

    if len(file.partition(".")[0]) == _SEGMENT and not file.endswith(".backup"):
        wrong = wrong_segment(content, file, system)
        if wrong:
            raise Refusal("wal-not-whole", f"{file} is not archived: {wrong}")
    head = head_of(system, file, content)
    path = f"{folder}/{wal_name(system, file)}"
    _refuse_sealed(folder)
    if not os.path.exists(path):
        _create(folder, path, encode(head, content))
    with open(path, "rb") as held:
        if not read_head(held.read(HEAD_BYTES)).says_the_same(head):
            raise Refusal("wal-differs", f"the repository has a {file} of this system with other content: {path}")
    _flush(os.path.dirname(path))  # a push that was killed may have come as far as the name


def _refuse_sealed(folder: str) -> None:
    with open(f"{folder}/{MARKER}", "rb") as marker:
        if b'"seal":{' in marker.read():
            raise Refusal("log-not-sealed", f"{folder} is sealed, and the log is not: archive it somewhere else")


def _create(folder: str, path: str, content: bytes) -> None:
    """Create a file, as open as the repository's own, unless there is one of that name."""
    _make_folders(folder, os.path.dirname(path))
    mode = os.stat(f"{folder}/{MARKER}").st_mode & 0o666
    staged = f"{path}.{_mark()}.canvasback-staged"
    try:
        with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as written:
            os.fchmod(written.fileno(), mode)
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        _name(staged, path)
    finally:
        if os.path.exists(staged):
            os.unlink(staged)


def _name(staged: str, path: str) -> None:
    try:
        os.link(staged, path)  # fails where the name is taken, unlike rename
    except FileExistsError:
        return  # another one was faster: who called this looks at what is there


def _make_folders(top: str, folder: str) -> None:
    """Make a folder below one that is there, as open as that one, so that it survives a power failure."""
    if os.path.isdir(folder):
        return
    above = os.path.dirname(folder)
    _make_folders(top, above)
    mode = os.stat(top).st_mode & 0o777
    try:
        os.mkdir(folder, mode)
    except FileExistsError:
        return  # another one was faster
    os.chmod(folder, mode)
    _flush(above)


def _flush(folder: str) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _get(repository: str, system: int, file: str) -> bytes | None:
    """A file of the log; None where the repository has none of that name."""
    folder = _folder_of(repository)
    if folder is None:
        from canvasback.cli import archiving_in_buckets  # noqa: PLC0415 - a second to load, where it must be

        return archiving_in_buckets.fetch(repository, system, file)
    _load_zstandard_alone()
    from canvasback.repository.wal_object import decode, wal_name  # noqa: PLC0415 - not before

    path = f"{folder}/{wal_name(system, file)}"
    try:
        with open(path, "rb") as held:
            content = held.read()
    except FileNotFoundError:
        return None
    try:
        return decode(content, system, file)
    except ValueError as error:
        raise Refusal("wal-corrupt", f"{path} is damaged: {error}") from error


def _load_zstandard_alone() -> None:
    """Let ``import zstandard`` mean the compiled module alone: the rest of its package takes as long as a Python.

    It is the library's own module, under its own name, and in these programs only. Where the installed release has no
    such module, the package is loaded as it is.
    """
    from importlib.machinery import PathFinder  # noqa: PLC0415

    found = PathFinder.find_spec("zstandard")
    if "zstandard" in sys.modules or found is None or found.submodule_search_locations is None:
        return
    package = type(sys)("zstandard")
    package.__path__ = list(found.submodule_search_locations)
    sys.modules["zstandard"] = package
    try:
        vars(package).update(vars(__import__("zstandard.backend_c").backend_c))
    except ImportError:
        del sys.modules["zstandard"]


def _folder_of(repository: str) -> str | None:
    """The folder of a repository, without a slash at its end; None where it is in a bucket.

    Raises:
        Refusal: There is no repository: a mount may be gone, and nothing is to be written below its mount point.
    """
    if "://" in repository.removeprefix("file://"):
        return None
    folder = os.path.abspath(repository.removeprefix("file://"))
    if not os.path.isfile(f"{folder}/{MARKER}"):
        raise Refusal("not-a-repository", f"there is no repository at {folder}")
    return folder


def _arguments(usage: str, count: int) -> tuple[str, int, list[str]]:
    """The repository, the system identifier, and the other arguments.

    Raises:
        Refusal: They are not so many.
    """
    found: dict[str, str] = {}
    rest: list[str] = []
    given = iter(sys.argv[1:])
    for argument in given:
        name = {"-r": "--repo"}.get(argument, argument)
        if name in {"--repo", "--system"}:
            found[name] = next(given, "")
        else:
            rest.append(argument)
    system = found.get("--system")
    if len(rest) != count or not found.get("--repo") or (system is not None and not system.isdecimal()):
        raise Refusal("usage", f"use it so: {usage}")
    return found["--repo"], _system_here() if system is None else int(system), rest


def _system_here() -> int:
    """The system identifier of the cluster in whose data folder PostgreSQL runs its commands.

    Source: ControlFileData of src/include/catalog/pg_control.h, which begins with it.

    Raises:
        Refusal: There is no cluster.
    """
    try:
        with open("global/pg_control", "rb") as file:
            return int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise Refusal(
            "not-a-cluster", "the working folder is no data folder of PostgreSQL, and --system is not given"
        ) from error


def _mark() -> str:
    """What tells a file that is not whole yet from others, and of which process it is; see storage.local.staging."""
    try:
        with open("/proc/self/stat", "rb") as file:
            started = file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        started = ""
    return f"{os.getpid()}-{started}-{os.urandom(4).hex()}"


def _say(program: str, error: Exception) -> None:
    """Print a line, which ends up in PostgreSQL's log."""
    what = f"{error.strerror or error}: {error.filename}" if isinstance(error, OSError) else str(error)
    sys.stderr.write(f"{program}: {what}\n")
