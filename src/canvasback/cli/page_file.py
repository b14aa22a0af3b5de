"""The file of a report that is a web page."""

from __future__ import annotations


def write_page(path: str, page: str) -> None:
    """Write it to a file that is not there yet.

    Raises:
        OSError: It cannot be written.
    """
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(page)
    except OSError as error:
        error.filename = path  # a full disk says so in our words, but not where
        raise
