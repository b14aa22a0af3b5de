"""What happens to files: changed in the middle, or gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def spoil(path: Path) -> None:
    """Change bytes in the middle of an object, or all but its ends."""
    content = bytearray(path.read_bytes())
    for place in range(4, len(content) - 12):
        content[place] ^= 0x55
    path.chmod(0o644)
    path.write_bytes(bytes(content))


def remove(path: Path) -> None:
    """Lose an object."""
    path.unlink()
