"""What `mkdocs.yml` leaves to a program: pages of the repository that do not lie below docs/, and their links.

The front page is the README itself, so that nothing is said twice. Links are those of the repository, which lead
somewhere in a checkout too, and are put right for the place that a page has in the site.
"""

from __future__ import annotations

import logging
import posixpath
import re
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_log: Final = logging.getLogger("mkdocs.hooks.site")

ROOT: Final = Path(__file__).parents[1]

PLACES: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "benchmarks.md",
    "LICENSE": "licence.txt",
    "docs/decisions": "decisions/index.md",
    "docs/json": "json/index.md",
}
"""Where in the site is what lies elsewhere in the repository; a folder is a list of what is in it."""

_SOURCES: Final = {place: source for source, place in PLACES.items()}
_LINK: Final = re.compile(r"(?<=\]\()([^)\s#]+)(?=(?:#[^)\s]*)?\))")
_CODE: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)

_WORDS: Final = re.compile(r"^(?P<start> *```\w*) *(?P<word>[^\n]*)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository, and the lists."""
    for source, place in PLACES.items():
        if source == "docs/decisions":
            content = _decisions()
        elif source == "docs/json":
            content = _schemas()
        else:
            content = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, place, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - mkdocs gives them by name
    """Put right the links of a page that lead out of docs/, or come from outside of it.

    A block of code may have a second word, by which tests find it; for the site's Markdown such a block is none. A file
    that the word names becomes its title.
    """
    place = page.file.src_uri
    source = _SOURCES.get(place, f"docs/{place}")

    def moved(found: re.Match[str]) -> str:
        return found[1] if "://" in found[1] else _moved(found[1], source, place)

    parts, end = [], 0
    for code in _CODE.finditer(markdown):
        parts += [_LINK.sub(moved, markdown[end : code.start()]), _WORDS.sub(_titled, code[0], count=1)]
        end = code.end()
    return "".join([*parts, _LINK.sub(moved, markdown[end:])])


def _titled(found: re.Match[str]) -> str:
    return f'{found["start"]} title="{found["word"]}"' if "/" in found["word"] else found["start"]


def _moved(link: str, source: str, place: str) -> str:
    if source in {"docs/decisions", "docs/json"}:
        return link  # a list of our own, whose links are right
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
    there = PLACES.get(target, target.removeprefix("docs/"))
    if there.endswith(".py"):  # mkdocs passes over a link to what it was told to leave out
        _log.warning("%s links to %s, which is not in the site", source, target)
    return posixpath.relpath(there, posixpath.dirname(place) or ".")


def _decisions() -> str:
    lines = ["# Decisions", "", "What was chosen, why it won, and what was rejected: a page each.", ""]
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        heading = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        lines.append(f"- [{heading}]({path.name})")
    return "\n".join(lines) + "\n"


def _schemas() -> str:
    lines = ["# JSON documents", "", "The schemas of what `--json` prints.", ""]
    lines += [f"- [{path.name}]({path.name})" for path in sorted((ROOT / "docs" / "json").glob("*.schema.json"))]
    return "\n".join(lines) + "\n"
