"""Other people's programs that keep archives: run, and their errors in our words."""

from __future__ import annotations

import subprocess

from canvasback.errors import CanvasbackError, LakeError, UsageError
from canvasback.model.lake import without_secrets


def run_tool(program: str, *arguments: str) -> bytes:
    """Run a program to its end, as the user who runs us, and answer what it prints.

    Raises:
        UsageError: It is not installed here (``archive-tool-missing``).
        LakeError: It failed (``archive-tool-failed``).
    """
    try:
        done = subprocess.run(  # noqa: S603 - a program that the user names, and a list of arguments
            ["/usr/bin/env", "LC_ALL=C", program, *arguments], capture_output=True, check=False
        )
    except OSError as error:
        raise _failed(program, str(error)) from error
    if done.returncode == _NOT_FOUND:
        raise UsageError(
            "archive-tool-missing",
            f"there is no program {program} on this machine",
            hint="Run the command where the archive's tool is installed and configured, as the user who runs it.",
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
        raise _failed(program, said)
    return done.stdout


_NOT_FOUND = 127


def _failed(program: str, said: str) -> CanvasbackError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reason = next((line for line in lines if "ERROR" in line), lines[0] if lines else "it says nothing")
    return LakeError(
        "archive-tool-failed",
        f"{program} failed: {without_secrets(reason)}",
        hint=f"Run {program} by itself, as the user who keeps the archive; its log says more.",
    )
