"""What there is to say where a mechanism cannot be switched on, in the same words for every cloud."""

from __future__ import annotations

from canvasback.errors import AccessDeniedError, RefusedError, StorageError, UsageError
from canvasback.model.plans.protect_enable import Mechanism, Step, Wish

_MAY_NOT = "It takes {}. The command prints the rights and roles with --print policy, and --print terraform the same."


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


def changed_meanwhile(where: str) -> RefusedError:
    """What a step replaces is not what it was when the plan was made."""
    return RefusedError(
        "protection-changed",
        f"somebody changed {where} since the plan was made",
        hint="Run it again: it plans anew, and keeps what they did.",
    )


def may_not_see(where: str, right: str) -> AccessDeniedError:
    """A right is lacking to see what there is, which might be lost then."""
    return AccessDeniedError(where, to=f"see what there is by {right} of", hint=_MAY_NOT.format(right))


def may_not_do(step: Step) -> AccessDeniedError:
    """A right is lacking to carry out a step."""
    needs = ", ".join(step.needs)
    return AccessDeniedError(step.bucket, to=f"use {needs} on", hint=_MAY_NOT.format(needs))


def not_taken(step: Step, said: str) -> StorageError:
    """The service does not take a request.

    Args:
        step: Which one.
        said: What the service says, its code first.
    """
    return StorageError(
        f"{step.bucket} does not take {step.call}: {said.strip()}",
        code="protection-refused",
        hint="What was done before stays. Correct what the service says, and run it again.",
    )
