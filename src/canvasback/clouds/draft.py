"""What a plan to switch a mechanism on is made of, while it is made."""

from __future__ import annotations

from canvasback.errors import RefusedError, UsageError
from canvasback.model.plans.protect_enable import Mechanism, Step, Wish


class Draft:
    """Collects the changes, what stays, and what is to be said.

    Attributes:
        changes: What is to be done, in order.
        kept: What is there already and stays, in words.
        remarks: What the changes will not do, or will cost; full sentences.
    """

    def __init__(self) -> None:
        self.changes: list[Step] = []
        self.kept: list[str] = []
        self.remarks: list[str] = []


def needed(value: str, option: str, wish: Wish) -> str:
    """An option that a mechanism cannot do without.

    Raises:
        UsageError: It is not given (``option-missing``).
    """
    if not value:
        raise UsageError(
            "option-missing",
            f"{wish.mechanism} cannot be planned without --{option}",
            hint=f"Give --{option}. Run the command with --print policy to see the rights and roles that it takes.",
        )
    return value


def unsupported(mechanism: Mechanism, where: str, why: str, hint: str) -> RefusedError:
    """What to say where a cloud has no such mechanism."""
    return RefusedError("protection-unsupported", f"{where} cannot have {mechanism}: {why}", hint=hint)
