"""Objects under rising numbers, which are created and never changed: the highest counts, and no listing finds it.

To change what they say is to create the next number; of two that try, one wins. Only the numbers of `needed` have to
stay for the highest to be found.
"""

from __future__ import annotations

from collections.abc import Callable

from canvasback.errors import AccessDeniedError, ObjectMissingError
from canvasback.storage.store import Store


def needed(number: int) -> set[int]:
    """The numbers by which `find_newest` finds the highest one: the powers of two, and the number's own prefixes.

    As the number grows no other lower one is ever needed again.
    """
    found = {number >> shift << shift for shift in range(number.bit_length())}
    return found | {1 << shift for shift in range(number.bit_length())}


def find_newest(store: Store, name: Callable[[int], str]) -> tuple[int, bytes]:
    """The highest number that is there, and its content; 0 and nothing where there is none.

    Who is held up in the middle, while many are created and old ones removed, may find one that is long past.

    Args:
        store: The repository.
        name: The name of the object of a number.
    """
    seen: dict[int, bytes] = {0: b""}

    def exists(number: int) -> bool:
        try:
            seen[number] = store.get(name(number))
        except ObjectMissingError:
            return False
        except AccessDeniedError:
            return False  # S3 says so of what is not there to those who may not list
        return True

    number = _highest(exists)
    return number, seen[number]


def newest_number(store: Store, name: Callable[[int], str]) -> int:
    """The highest number that is there, or 0; for objects that are too large to be read on the way.

    Args:
        store: The repository.
        name: The name of the object of a number.
    """
    return _highest(lambda number: store.stat(name(number)) is not None)


def _highest(exists: Callable[[int], bool]) -> int:
    if not exists(1):
        return 0
    step = 1
    while exists(step * 2):
        step *= 2
    number = step
    while step > 1:
        step //= 2
        if exists(number + step):
            number += step
    return number
