"""Every error that Canvasback raises on purpose.

    CanvasbackError                    exit 1: the operation failed
    ├── UsageError                     exit 2: the request itself makes no sense
    ├── RefusedError                   exit 4: refused before anything was changed
    ├── LockedError                    exit 5: another run holds what we need
    ├── LakeError                      exit 1: the lake cannot be read or written
    ├── RepositoryError                exit 1: the repository cannot be read or written
    │   └── CorruptError               exit 1: an object does not hold what its name or manifest promises
    └── StorageError                   exit 1: a disk or an object store said no
        ├── ObjectExistsError          a create-only write met an object of that name
        ├── ObjectMissingError         there is no object of that name
        ├── ObjectLockedError          an object is locked against deletion
        ├── NoSpaceError               the disk or the quota is full
        └── AccessDeniedError          the permissions do not allow it

An error has a *code* (stable, kebab-case, for programs), a *message* (lower case, no full stop: what
was wrong, and where) and a *hint* (a full sentence: what to do next). What an operation *discovers*
about a lake or a repository is not an error but a `Finding`.
"""

from __future__ import annotations

from typing import ClassVar


class CanvasbackError(Exception):
    """Base of all errors of this package."""

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class UsageError(CanvasbackError):
    """The request makes no sense as it stands: an unknown point, an unreadable lake name."""

    exit_code = 2


class RefusedError(CanvasbackError):
    """Doing what was asked could destroy or mix up something; nothing was changed."""

    exit_code = 4


class LockedError(CanvasbackError):
    """Another run, or another process, holds the repository or the catalog."""

    exit_code = 5


class LakeError(CanvasbackError):
    """The lake's catalog cannot be read or written."""


class RepositoryError(CanvasbackError):
    """The repository cannot be read or written."""


class CorruptError(RepositoryError):
    """An object of the repository does not hold what it must hold."""


class StorageError(CanvasbackError):
    """Storage failed; the subclasses say how, where the difference matters to a caller."""

    def __init__(self, message: str, *, code: str = "storage-failed", hint: str = "") -> None:
        super().__init__(code, message, hint=hint)


class ObjectExistsError(StorageError):
    """A create-only write found the name taken."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} exists already", code="object-exists")


class ObjectMissingError(StorageError):
    """The named object is not there."""

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} is not there", code="object-missing")


class ObjectLockedError(StorageError):
    """The object may not be deleted yet, whoever asks."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{where} is locked against deletion",
            code="object-locked",
            hint="Wait until its lock ends: verify says when that is.",
        )


class NoSpaceError(StorageError):
    """The disk or the quota is full."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"no space left to write {where}",
            code="no-space",
            hint="Free some space and run the same command again: what has arrived is kept and not copied twice.",
        )


class AccessDeniedError(StorageError):
    """The permissions do not allow the access."""

    def __init__(self, where: str, *, to: str = "access", hint: str = "") -> None:
        super().__init__(
            f"no permission to {to} {where}",
            code="access-denied",
            hint=hint or "Run as a user who may read the lake and write to the repository, or change the permissions.",
        )
