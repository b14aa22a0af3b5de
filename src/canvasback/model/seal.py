"""How the contents of a repository are kept from whoever reads its place."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from canvasback.errors import UsageError


class Seal(msgspec.Struct, frozen=True):
    """What a sealed repository's marker says.

    Attributes:
        data: Whether copies of data files are sealed too. Where they are not, those of an encrypted lake are encrypted
            by DuckLake all the same, and others can be read by whoever reads the repository.
    """

    data: bool = False


class Secrets:
    """What a user has to open sealed repositories with. Its text tells nothing of it.

    Args:
        identities: Secret keys of age, ``AGE-SECRET-KEY-1…``.
        passphrases: Passphrases.
    """

    def __init__(self, identities: Sequence[str] = (), passphrases: Sequence[str] = ()) -> None:
        self.identities = tuple(identities)
        self.passphrases = tuple(passphrases)

    def __bool__(self) -> bool:
        return bool(self.identities or self.passphrases)

    def __repr__(self) -> str:
        return f"Secrets({len(self.identities)} identities, {len(self.passphrases)} passphrases)"


NO_SECRETS = Secrets()


def no_recipients() -> UsageError:
    """What to say where something is to be sealed for nobody."""
    return UsageError(
        "no-recipients",
        "a repository is sealed for somebody, and nobody is named",
        hint="Give --recipient NAME=age1… or --new-passphrase NAME=FILE, better two. A key is made by age-keygen.",
    )
