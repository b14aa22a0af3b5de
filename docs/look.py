"""Open every page of the documentation's site in a headless browser, narrow and wide, and look at it.

    python docs/look.py SITE PICTURES

Fails where a page has an error on its console, a picture that does not load, something from another host, Markdown that
was not understood, or is wider than the window. Saves a picture of each page. The browser is one that is installed:
Chromium, by whichever of its names is on PATH. Run by `make docs-look`.
"""

from __future__ import annotations

import functools
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Request, sync_playwright

BROWSERS: Final = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
WIDTHS: Final = {"narrow": 390, "wide": 1280}
HEIGHT: Final = 900
OPTIONS: Final = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
"""Pages of ours only are opened, so the sandbox, which a container may not have, can be spared."""

LOOK: Final = """() => {
    const found = [];
    const width = document.documentElement.scrollWidth;
    if (width > window.innerWidth) {
        const wide = [...document.querySelectorAll("article *")]
            .filter(element => element.getBoundingClientRect().right > width - 1)
            .map(element => element.outerHTML.slice(0, 80));
        found.push(`is ${width} px wide: ${wide.slice(0, 2).join(" | ")}`);
    }
    for (const image of document.images)
        if (!image.complete || image.naturalWidth === 0) found.push(`picture ${image.src} is broken`);
    for (const text of document.querySelectorAll("article p, article li, article h2"))
        if (text.textContent.includes("```"))
            found.push(`a block of code became text: ${text.textContent.slice(0, 60)}`);
    return found;
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, and does not talk about it."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; the URL that it has."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def look(browser: Browser, home: str, place: str, width: int, picture: Path) -> list[str]:
    """What is wrong with a page at a width; a picture of it is saved."""
    found: list[str] = []

    def asked(request: Request) -> None:
        if not request.url.startswith((home, "data:", "blob:")):
            found.append(f"asks another host for {request.url}")

    page = browser.new_page(viewport={"width": width, "height": HEIGHT})
    page.on("request", asked)
    page.on("requestfailed", lambda request: found.append(f"{request.url} did not load: {request.failure}"))
    page.on("response", lambda response: response.ok or found.append(f"{response.url} is {response.status}"))
    page.on("pageerror", lambda error: found.append(f"error of a script: {error}"))
    page.on("console", lambda said: said.type != "error" or found.append(f"console: {said.text}"))
    page.goto(home + place, wait_until="load")
    found += page.evaluate(LOOK)
    page.screenshot(path=picture, full_page=True)
    page.close()
    return found


def main(site: Path, pictures: Path) -> int:
    """Look at all pages; the exit code."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print(f"no browser: install one of {', '.join(BROWSERS)}, such as Debian's package chromium", file=sys.stderr)
        return 1
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    if not pages:
        print(f"there is no site in {site}", file=sys.stderr)
        return 1
    pictures.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with served(site) as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        for place in pages:
            for name, width in WIDTHS.items():
                picture = pictures / f"{place.removesuffix('.html').replace('/', '.')}.{name}.png"
                for line in look(browser, home, place, width, picture):
                    print(f"{place} at {width} px: {line}")
                    wrong += 1
        browser.close()
    print(f"{len(pages)} pages at {' and '.join(map(str, WIDTHS.values()))} px: {wrong} wrong; pictures in {pictures}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
