"""What leaves a function of the package: our errors for all that is foreseeable, and everything else as it is."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable, Iterator

import duckdb
import pytest

import canvasback
from canvasback import CanvasbackError, LakeError, NoSpaceError, StorageError, UsageError
from canvasback.storage.foreign_errors import translates_errors

FUNCTIONS = [name for name in canvasback.__all__ if inspect.isfunction(getattr(canvasback, name))]
FOREIGN = [
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "/x"), StorageError, "storage-failed", "/x"),
    (OSError(errno.ENOSPC, "No space left on device", "/x"), NoSpaceError, "no-space", "/x"),
    (BrokenPipeError(errno.EPIPE, "Broken pipe"), StorageError, "storage-failed", "Broken pipe"),
    (duckdb.IOException("IO Error: torn\nmore"), LakeError, "unexpected-catalog", "IO Error: torn"),
    (duckdb.Error("No space left on device"), NoSpaceError, "no-space", "temporary"),
]


def raising(error: BaseException) -> Callable[[], object]:
    @translates_errors
    def function() -> object:
        raise error

    return function


def raising_later(error: BaseException) -> Callable[[], Iterator[int]]:
    @translates_errors
    def function() -> Iterator[int]:
        def answers() -> Iterator[int]:
            yield 1
            raise error

        return answers()

    return function


def test_all_functions_of_the_package_are_at_the_border() -> None:
    assert len(FUNCTIONS) == 42
    border = raising(UsageError("x-y", "z")).__code__
    assert [name for name in FUNCTIONS if getattr(canvasback, name).__code__ is not border] == []


def test_they_look_as_they_are_written() -> None:
    assert canvasback.backup.__name__ == "backup"
    assert "only_new" in inspect.signature(canvasback.backup).parameters
    assert "Raises:" in (canvasback.backup.__doc__ or "")


@pytest.mark.parametrize(("error", "kind", "code", "said"), FOREIGN)
def test_errors_of_others_are_translated(error: Exception, kind: type[CanvasbackError], code: str, said: str) -> None:
    with pytest.raises(kind) as raised:
        raising(error)()
    assert (raised.value.code, raised.value.__cause__) == (code, error)
    assert said in raised.value.message
    assert raised.value.hint


@pytest.mark.parametrize(("error", "kind", "code", "said"), FOREIGN)
def test_those_of_an_iterator_too(error: Exception, kind: type[CanvasbackError], code: str, said: str) -> None:
    answers = raising_later(error)()
    assert next(answers) == 1
    with pytest.raises(kind) as raised:
        next(answers)
    assert (raised.value.code, raised.value.__cause__) == (code, error)
    assert said in raised.value.message


@pytest.mark.parametrize(
    "error", [UsageError("no-lake", "no lake"), TypeError("x"), AssertionError("x"), KeyboardInterrupt()]
)
def test_what_is_ours_and_what_is_a_fault_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised:
        raising(error)()
    assert raised.value is error
    answers = raising_later(error)()
    assert next(answers) == 1
    with pytest.raises(type(error)) as raised:
        next(answers)
    assert raised.value is error


def test_who_stops_listening_stops_the_iterator() -> None:
    ended: list[str] = []

    @translates_errors
    def function() -> Iterator[int]:
        try:
            yield from range(10)
        finally:
            ended.append("ended")

    answers = function()
    assert next(answers) == 0
    answers.close()  # type: ignore[attr-defined]
    assert ended == ["ended"]
