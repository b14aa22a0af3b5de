"""Under which name the copy of a file is held. In a sealed repository it tells nothing of the file's own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeAlias

from canvasback.repository import layout
from canvasback.storage.keyring import Keyring, keyring_of
from canvasback.storage.store import Store

Copies: TypeAlias = Callable[[str, int], tuple[Store, str]]
"""Tells where the copy of a file is, if there is one: by its path below the data path, and its bytes."""


def copy_name(store: Store, path: str, size: int, *, elsewhere: bool) -> str:
    """The usual name of the copy of a file.

    Args:
        store: The repository.
        path: The file's path as the file list has it.
        size: Its bytes.
        elsewhere: Whether it lies outside of the data path.
    """
    keyring = keyring_of(store)
    if keyring is None:
        return layout.copy_name(path, elsewhere=elsewhere)
    return _sealed_name(keyring, keyring.name_of(f"{'elsewhere' if elsewhere else 'within'}\n{path}"), size)


def version_name(store: Store, path: str, content: str, size: int) -> str:
    """The name of a further content of a file whose usual name holds another content already.

    Args:
        store: The repository.
        path: The file's path as the file list has it.
        content: BLAKE3 of the content.
        size: Its bytes.
    """
    keyring = keyring_of(store)
    if keyring is None:
        return layout.version_name(path, content)
    return _sealed_name(keyring, keyring.name_of(f"version\n{path}\n{content}"), size)


def spare_name(store: Store, path: str, size: int) -> str:
    """The name of a file whose usual name belongs to an object that may be deleted; another one each time."""
    keyring = keyring_of(store)
    return layout.spare_name(path) if keyring is None else _sealed_name(keyring, secrets.token_hex(32), size)


def _sealed_name(keyring: Keyring, digits: str, size: int) -> str:
    """The size of a content cannot be told from that of the sealed one, so the name has it."""
    return f"{layout.DATA}{digits[:2]}/{digits[2:]}" + (f".{size}.age" if keyring.data else "")
