"""Letting file permissions count for root too, whom they do not bind otherwise."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_PASSING = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
_CAPBSET_DROP = 24
_LIBC = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


@contextlib.contextmanager
def bound_by_permissions() -> Iterator[None]:
    """Take from this thread, for a while, root's right to pass over permissions."""
    header = _Header(_VERSION, 0)
    data = (_Data * 2)()
    _check(_LIBC.capget(ctypes.byref(header), ctypes.byref(data)))
    before = data[0].effective
    data[0].effective = before & ~_PASSING
    _check(_LIBC.capset(ctypes.byref(header), ctypes.byref(data)))
    try:
        yield
    finally:
        data[0].effective = before
        _check(_LIBC.capset(ctypes.byref(header), ctypes.byref(data)))


def give_up_passing() -> None:
    """Take that right from the program that this process is about to become; of no effect for others than root."""
    for capability in (1, 2):
        _LIBC.prctl(_CAPBSET_DROP, capability, 0, 0, 0)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), "capget or capset failed")
