"""Waiting for whoever writes to a repository."""

from __future__ import annotations

import tenacity

from canvasback.errors import LockedError


def patient(seconds: int) -> tenacity.Retrying:
    """Try again each second while another run holds the repository (``repository-locked``), so many times."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda e: isinstance(e, LockedError) and e.code == "repository-locked"),
        stop=tenacity.stop_after_attempt(seconds),
        wait=tenacity.wait_fixed(1),
        reraise=True,
    )
