"""Where our options end and the user's command begins."""

from __future__ import annotations

import pytest

from canvasback.cli.batch import divided

VALUED = {"--repo", "-r", "--jobs", "-j"}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("lake job -r x", "lake -- job -r x"),
        ("lake -r repo job", "lake -r repo -- job"),
        ("lake -rrepo job", "lake -rrepo -- job"),
        ("lake -qr repo job", "lake -qr repo -- job"),
        ("lake -qrrepo job", "lake -qrrepo -- job"),
        ("lake --repo repo --json job --json", "lake --repo repo --json -- job --json"),
        ("lake --repo=repo job", "lake --repo=repo -- job"),
        ("--repo repo lake -q job", "--repo repo lake -q -- job"),
        ("lake -- job -- x", "lake -- job -- x"),
        ("lake -r -- job", "lake -r -- -- job"),  # as the command line reads it: a repository of that name
        ("lake job -- x", "lake -- job -- x"),
        ("lake -", "lake -- -"),
        ("lake --help", "lake --help"),
        ("lake", "lake"),
        ("", ""),
    ],
)
def test_the_command_begins_at_the_second_word_that_is_no_option(typed: str, found: str) -> None:
    assert divided(typed.split(), VALUED) == found.split()
