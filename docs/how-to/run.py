"""Play the commands that the pages show on real lakes, and put what they print into the pages.

    .venv/bin/python docs/how-to/run.py [PAGE …]

Run it in the repository's folder, with the environment whose releases the pages are about. A page is its name without
`.md`, or its path where that is not in this folder; its story is in `stories.py`. Without a page all are played. The
lakes are made by the real extension in temporary folders that stand for `/`; buckets are those of a server on loopback.
Each command of a block of the kind `console` is run, in order, and what follows it is replaced. Where the page leaves
the end of an output out, with a line of one `…`, it stays left out.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import duckdb

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from tests import extension, object_servers, postgres  # noqa: E402 - the path comes first

BLOCK = re.compile(r"^(?P<indent> *)```console\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
POINT = re.compile(r"\b\d{8}T\d{6}(\d{3}Z-s\d+)?")
PLACES = re.compile(r"(?<![\w/])/(?=(srv|backups)/)")
KEEP = "keep"
"""Yielded by a story: the next command is not run, and its output stays."""

Step = int | str | Callable[[str], str]
Story = Callable[["Play"], Iterator[Step]]


class Play:
    """A folder that stands for `/`, a DuckDB session, and what the commands of a page need.

    Attributes:
        lake: What the session attaches as `lake` where a statement names it.
        point: The id that takes the place of those in the page's commands.
        held: Whether the session stays attached while commands run.
    """

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._session = extension.connect("httpfs", "postgres_scanner")
        self._hidden: list[tuple[str, str]] = []
        self.fresh()

    def fresh(self) -> None:
        """Begin anew in an empty folder."""
        self.detach()
        self.root = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="page-")))
        self.lake = "ducklake:/srv/sales/sales.ducklake"
        self.point = ""
        self.held = False
        for folder in ("srv/sales", "srv/new", "backups"):
            (self.root / folder).mkdir(parents=True)
        os.chdir(self.root / "srv")  # what the session's relative paths are relative to

    def path(self, text: str) -> Path:
        """Where a path of the page really is."""
        return Path(self.real(text))

    def real(self, text: str) -> str:
        """A command with the places that it has here."""
        return PLACES.sub(f"{self.root}/", text)

    def shown(self, text: str) -> str:
        """What was printed, as if the folder were `/`."""
        for there, here in [*self._hidden, (str(self.root), "")]:
            text = text.replace(there, here)
        return text.strip("\n")

    # What a story does behind the page

    def make(self, *statements: str, data_path: str = "/srv/sales/files") -> None:
        """Run statements on the lake, which is made if it is not there."""
        is_new = not Path(self.real(self.lake.removeprefix("ducklake:"))).exists()
        self.attach(f" (DATA_PATH '{data_path}')" if is_new else "")
        for statement in statements:
            self._session.execute(self.real(statement))
        self.detach()

    def commit(self, author: str, message: str, statement: str) -> None:
        """Run a statement as a commit that has an author and a message."""
        self.make("BEGIN", statement, f"CALL lake.set_commit_message('{author}', '{message}')", "COMMIT")

    def quietly(self, command: str) -> str:
        """Run a command that the page does not show."""
        return self.shell(command)

    def backup(self, lake: str = "ducklake:/srv/sales/sales.ducklake", repository: str = "/backups/sales") -> str:
        """Back up, into a repository that is made if it is not there, and answer the point's id."""
        if "://" in repository or not self.path(repository).exists():
            self.quietly(f"canvasback init {repository} --lake '{lake}'")
        printed = self.quietly(f"canvasback backup '{lake}' -r {repository}")
        found = POINT.search(printed)
        if not found:
            sys.exit(f"no point was made: {printed}")
        return found[0]

    def files(self, table: str) -> list[Path]:
        """A table's data files, oldest first."""
        found = self.path(f"/srv/sales/files/main/{table}").glob("*.parquet")
        return sorted(file for file in found if not file.stem.endswith("-delete"))

    def forget(self) -> None:
        """Let the session read files anew: DuckDB keeps in memory what it wrote and read of a lake's files."""
        self._session.execute("SET enable_external_file_cache = false")

    def buckets(self, *names: str) -> object_servers.Ministack:
        """Start a server that speaks S3, with these buckets."""
        server = self._stack.enter_context(object_servers.ministack(self.root))
        os.environ.update(
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - the server looks at no secret
            AWS_REGION="us-east-1",
            AWS_ENDPOINT_URL_S3=server.endpoint,
            AWS_EC2_METADATA_DISABLED="true",
        )
        self._session.execute(
            "CREATE OR REPLACE SECRET (TYPE s3, KEY_ID 'test', SECRET 'test', REGION 'us-east-1', URL_STYLE 'path', "
            f"USE_SSL false, ENDPOINT '{server.endpoint.removeprefix('http://')}')"
        )
        self._hidden.append((f"{server.endpoint}/sales-lake", "https://sales-lake.s3.amazonaws.com"))
        for name in names:
            server.create_bucket(name)
        return server

    def database(self, shown: str) -> None:
        """Make a database of PostgreSQL, which the page calls so."""
        string = self._stack.enter_context(postgres.running(self.root / "postgres")).create()
        self._hidden.append((string, shown))

    # What the page shows

    def run(self, command: str) -> str:
        """Run a command of the page, and answer what it prints."""
        kind, _, text = command.partition(" ")
        return self.shown(self.sql(text) if kind == "sql>" else self.shell(text))

    def sql(self, statement: str) -> str:
        """Run a statement in the session."""
        if statement.startswith("ATTACH"):
            self.detach()
        else:
            self.attach()
        try:
            rows = self._session.execute(self.real(statement)).fetchall()
        except duckdb.Error as error:
            return str(error).splitlines()[0]
        return "\n".join("  ".join(map(str, row)) for row in rows) if statement.startswith("SELECT") else ""

    def shell(self, command: str) -> str:
        """Run a command in a shell."""
        if not self.held:
            self.detach()
        ended = subprocess.run(self._arguments(command), **self._how(), check=False)  # type: ignore[call-overload]
        return str(ended.stdout)

    def watching(self, *steps: float | Callable[[], None]) -> Callable[[str], str]:
        """How to run a command that goes on: do these things, wait so many seconds between, and end it."""

        def run(command: str) -> str:
            self.detach()
            process = subprocess.Popen(self._arguments("exec " + command.partition(" ")[2]), **self._how())  # type: ignore[call-overload]
            for step in steps:
                step() if callable(step) else time.sleep(step)
            process.send_signal(signal.SIGTERM)
            return self.shown(process.communicate()[0])

        return run

    @contextmanager
    def beside(self, command: str) -> Iterator[None]:
        """A command that goes on for the time of a block, and that the page does not show."""
        with subprocess.Popen(self._arguments(f"exec {command}"), **self._how()) as process:  # type: ignore[call-overload]
            yield
            process.send_signal(signal.SIGTERM)
            process.communicate()

    def _arguments(self, command: str) -> list[str]:
        for there, here in self._hidden:
            command = command.replace(here, there)
        return ["bash", "-c", self.real(command)]

    def _how(self) -> dict[str, object]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        modules = f"{ROOT / 'src'}:{ROOT}"
        return {
            "env": {**os.environ, "PATH": path, "PYTHONPATH": modules, "COLUMNS": "250"},
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }

    def attach(self, options: str = "") -> None:
        """Attach the lake, if it is not attached yet."""
        if not self._attached():
            lake = self.lake
            for there, here in self._hidden:
                lake = lake.replace(here, there)
            self._session.execute(f"ATTACH '{self.real(lake)}' AS lake{self.real(options)}")

    def detach(self) -> None:
        """Let go of the lake."""
        if self._attached():
            self._session.execute("DETACH lake")

    def _attached(self) -> bool:
        return bool(self._session.execute("FROM duckdb_databases() WHERE database_name = 'lake'").fetchall())


class Renewal:
    """The renewal of one page."""

    def __init__(self, text: str, play: Play, story: Story) -> None:
        self._play = play
        self._steps = story(play)
        self._left = 0
        self.text = BLOCK.sub(self._block, text)
        for _ in self._steps:  # what comes after the last command
            pass

    def _block(self, block: re.Match[str]) -> str:
        indent = block["indent"]
        lines = [line.removeprefix(indent) for line in block["body"].splitlines()]
        starts = [at for at, line in enumerate(lines) if line.startswith(("$ ", "sql> "))]
        told: list[str] = []
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            told += self._command(lines[start], lines[start + 1 : end])
        body = "".join(f"{indent}{line}".rstrip() + "\n" for line in told)
        return f"{indent}```console\n{body}{indent}```"

    def _command(self, command: str, old: list[str]) -> list[str]:
        step = self._next()
        if step == KEEP:
            return [command, *old]
        if self._play.point and command.startswith("$"):
            command = POINT.sub(lambda found: self._play.point[: len(found[0])], command)
        print(f"  {command}", flush=True)
        printed = (step(command) if callable(step) else self._play.run(command)).splitlines()
        if old and old[-1].strip() == "…":
            printed = [*printed[: len(old) - 1], old[-1]]
        return [command, *printed]

    def _next(self) -> Step:
        while self._left == 0:
            step = next(self._steps, None)
            if not isinstance(step, int):
                return step or 1
            self._left = step
        self._left -= 1
        return 1


def main() -> None:
    """Renew the pages that are named, or all."""
    import stories  # noqa: PLC0415 - it imports this

    os.environ["TZ"] = "UTC"
    for name in sys.argv[1:] or list(stories.STORIES):
        page = ROOT / (name if "/" in name else f"docs/how-to/{name}.md")
        print(name, flush=True)
        with ExitStack() as stack:
            page.write_text(Renewal(page.read_text("utf-8"), Play(stack), stories.STORIES[name]).text, "utf-8")


if __name__ == "__main__":
    if not shutil.which("bash"):
        sys.exit("it needs bash")
    sys.modules["run"] = sys.modules["__main__"]
    main()
