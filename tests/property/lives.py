"""How many lives a state machine has, and how long they are."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

SOAK = settings.get_current_profile_name() == "soak"
STEPS = 12
"""So many in a life."""


def lives(examples: int, soaked_steps: int) -> settings:
    """The same few lives each time in `make test`; in `make soak` as many at random as it takes for so many steps."""
    return settings(
        settings(max_examples=soaked_steps // STEPS + 1) if SOAK else settings(max_examples=examples, derandomize=True),
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
