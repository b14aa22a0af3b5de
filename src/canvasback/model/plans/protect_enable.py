"""What protect enable is about to do."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from canvasback.errors import UsageError


class Mechanism(enum.StrEnum):
    """What a cloud can do for a bucket by itself, and can be told to."""

    VERSIONING = "versioning"
    REPLICATION = "replication"
    SOFT_DELETE = "soft-delete"
    BACKUP = "backup"
    LOCK = "lock"

    @classmethod
    def of(cls, given: str) -> Mechanism:
        """The mechanism of that name.

        Raises:
            UsageError: There is none (``unknown-mechanism``).
        """
        try:
            return cls(given)
        except ValueError:
            raise UsageError(
                "unknown-mechanism", f"{given!r} is no mechanism", hint=f"One of {', '.join(cls)}."
            ) from None


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asks for.

    Attributes:
        mechanism: What is to be switched on.
        prefix: For what keys begin with.
        days: How long old versions, what was deleted, backups or locks are kept at least; None where it is not said.
        to: The other bucket, for replication.
        role: The role in whose name the service copies or backs up.
        account: The account that owns the other bucket, where it is not the same.
        deletes: Whether deletions are copied too.
        mode: ``governance`` or ``compliance``: whether somebody may lift locks.
        vault: Where backups go.
        schedule: When they are made, as the service writes it.
    """

    mechanism: Mechanism
    prefix: str = ""
    days: int | None = None
    to: str = ""
    role: str = ""
    account: str = ""
    deletes: bool = False
    mode: str = ""
    vault: str = ""
    schedule: str = ""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a cloud's configuration. It adds or strengthens; what it replaces has all in it that was there.

    Attributes:
        words: What it does.
        call: The request, as the cloud's own library names it.
        request: What the request says.
        needs: The rights that it takes.
        resource: What they are needed on, as the cloud names it.
        bucket: The bucket that it changes, a URL.
        expects: What the request replaces, as it was when the plan was made; None where it replaces nothing.
    """

    words: str
    call: str
    request: dict[str, Any]
    needs: tuple[str, ...]
    resource: str
    bucket: str
    expects: dict[str, Any] | None = None


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document for who sets up rights by himself.

    Attributes:
        name: Short, such as ``rights``.
        meaning: What it is, in a sentence.
        content: The document, as the cloud takes it.
    """

    name: str
    meaning: str
    content: dict[str, Any]


class ProtectPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A mechanism is about to be switched on.

    Attributes:
        bucket: The bucket.
        mechanism: Which one.
        changes: What is to be done, in order.
        kept: What is there already and stays, in words.
        remarks: What it will not do, or will cost; full sentences.
        documents: The rights that it takes, and roles.
        terraform: The same as a configuration of Terraform, line by line.
    """

    bucket: str
    mechanism: Mechanism
    changes: tuple[Step, ...]
    kept: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()
    terraform: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """The plan in words, in order."""
        return tuple(step.words for step in self.changes)
