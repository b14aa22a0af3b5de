"""Secrets for tests of sealed repositories."""

from __future__ import annotations

from dataclasses import dataclass, field

from canvasback import Secrets, Stores
from canvasback.storage import age

__all__ = ["Person"]


@dataclass
class Person:
    """Somebody with a key of age."""

    identity: str = field(default_factory=age.new_identity)

    @property
    def key(self) -> str:
        """The public key."""
        return age.recipient_of(self.identity)

    @property
    def stores(self) -> Stores:
        """What opens repositories that are sealed for this person."""
        return Stores(secrets=Secrets([self.identity]))
