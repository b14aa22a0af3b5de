"""Telling a process from all others, so that what a dead one left behind is not waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec


class Process(msgspec.Struct, frozen=True):
    """One process of one machine.

    Attributes:
        host: The machine's name, for people.
        boot: The machine's boot and its process namespace; empty where the system does not tell.
        pid: The process id.
        started: When the process started, in ticks since boot.
    """

    host: str
    boot: str
    pid: int
    started: str


def this_process() -> Process:
    """Who we are."""
    pid = os.getpid()
    return Process(socket.gethostname(), boot(), pid, started(pid) or "")


def is_dead(process: Process) -> bool:
    """Whether it is certain that the process is over; only known of processes of this machine."""
    return bool(process.boot) and process.boot == boot() and is_over(process.pid, process.started)


def is_over(pid: int, since: str) -> bool:
    """Whether it is certain that a process of this machine is over.

    Where ``/proc`` hides the processes of others, one that lives looks like one that is gone; the system still tells
    whether its number is taken.

    Args:
        pid: Its process id.
        since: When it started, as `started` tells.
    """
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return not _exists(pid)
    return _start(status) != since


def _exists(pid: int) -> bool:
    """Whether a process has that number, whoever it is of."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # it is there, and not ours
    return pid > 0


def boot() -> str:
    """What tells this boot of this machine, and this process namespace, from others; empty if nothing does."""
    try:
        number = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{number} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def started(pid: int) -> str | None:
    """When a process of this machine started; None where it is over, or cannot be looked at."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return _start(status)


def _start(status: str) -> str | None:
    fields = status.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else fields[19]
