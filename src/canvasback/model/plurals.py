"""Numbers of things, as messages say them."""

from __future__ import annotations


def many(count: int, noun: str) -> str:
    """A number with its noun: ``1 file``, ``1,200 files``."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def either(count: int, one: str, more: str) -> str:
    """The one word, or group of words, that agrees with a number."""
    return one if count == 1 else more


def many_are(count: int, noun: str) -> str:
    """The same as the subject of a sentence: ``1 file is``, ``1,200 files are``."""
    return f"{many(count, noun)} {'is' if count == 1 else 'are'}"
