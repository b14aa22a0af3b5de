"""The documentation against the program: what exists is described, what is described exists, what is shown is real."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from canvasback import errors
from canvasback.cli.parser import parser_of
from canvasback.cli.verbs import VERBS
from canvasback.clouds import aws_backup
from canvasback.clouds.s3 import QUESTIONS
from canvasback.model import manifest
from canvasback.model.commit_position import CommitPosition
from canvasback.model.finding import FindingKind
from canvasback.model.protection import kinds
from canvasback.model.register import Marks
from canvasback.model.seal import Seal
from canvasback.repository import chunk_writer, commit_map, filelist, layout, leases, recipients, register, repository
from canvasback.storage.keyring import Epoch
from canvasback.storage.local import process

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "canvasback"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "bench").glob("*.md")])
COMMANDS: dict[str, Any] = {
    f"{verb} {name}" if name else verb: one
    for verb, command in typer.main.get_command(parser_of(VERBS)).commands.items()  # type: ignore[attr-defined]
    for name, one in getattr(command, "commands", {"": command}).items()
}
"""Each command by what a user types; those of a verb that has several, each by itself."""
CODE = re.compile(r"[a-z]+(-[a-z]+)+")
COMMON = {"--help"}


def read(page: str) -> str:
    """A page of the documentation."""
    return (DOCS / page).read_text(encoding="utf-8")


# The command line


def section(command: str) -> str:
    """What docs/command-line.md says of a command."""
    found = re.search(rf"^## canvasback {command}\n(.*?)(?=^## |\Z)", read("command-line.md"), re.MULTILINE | re.DOTALL)
    assert found, f"docs/command-line.md has no section about {command}"
    return found[1]


def options(command: str) -> set[str]:
    """All spellings of a command's options."""
    spelled = {
        name
        for parameter in COMMANDS[command].params
        for name in [*parameter.opts, *parameter.secondary_opts]
        if name.startswith("-")
    }
    return spelled - COMMON


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_in_its_table_and_no_other(command: str) -> None:
    cells = re.findall(r"^\| (`-[^|]*)\|", section(command), re.MULTILINE)

    assert {option for cell in cells for option in re.findall(r"`(--?[a-z-]+)`", cell)} == options(command)


def test_no_section_describes_a_command_that_is_gone() -> None:
    assert set(re.findall(r"^## canvasback (\w[\w ]*)$", read("command-line.md"), re.MULTILINE)) == set(COMMANDS)


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(
        r"^\| `canvasback ((?:key|pitr|protect) [\w-]+|\w+)",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )

    assert sorted(listed) == sorted(COMMANDS)


def test_the_json_schemas_are_what_generate_py_writes() -> None:
    wanted = runpy.run_path(str(DOCS / "json" / "generate.py"))["schemas"]()
    there = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "json").glob("*.schema.json")}

    assert there == wanted, "run: python docs/json/generate.py"
    assert set(re.findall(r"json/([\w-]+\.schema\.json)", read("command-line.md"))) == set(wanted)


# Errors and findings


class Codes(ast.NodeVisitor):
    """Collects the codes of errors, with the classes that carry them, and of findings, with their severities."""

    def __init__(self) -> None:
        self.errors: dict[str, str] = {}
        self.findings: dict[str, str] = {}
        self.unclear: list[str] = []
        self._class = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Remember the class: an error's own code stands in its __init__."""
        self._class, outer = node.name, self._class
        self.generic_visit(node)
        self._class = outer

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Take the codes of the rules of check by which another command finds."""
        if (node.module or "").startswith("canvasback.catalog.rules."):
            module = importlib.import_module(node.module or "")
            kinds = [getattr(getattr(module, name.name), "kind", None) for name in node.names]
            self.findings.update({kind.code: kind.severity for kind in kinds if isinstance(kind, FindingKind)})

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Take an error class's default code."""
        names = [argument.arg for argument in node.args.kwonlyargs]
        for name, default in zip(names, node.args.kw_defaults, strict=True):
            if name == "code" and isinstance(default, ast.Constant) and issubclass_of_ours(self._class):
                self.errors[str(default.value)] = self._class
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        """Take the codes that a variable called code is given."""
        targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
        if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
            for text in texts(node.value):
                self.findings.setdefault(text, "error")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Take the code of an error or of a finding that is made here."""
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if called == "Finding":
            code = named.get("code") or node.args[0]
            severity = named.get("severity") or node.args[1]
            if isinstance(code, ast.Constant) and isinstance(severity, ast.Constant):
                self.findings[str(code.value)] = str(severity.value)
            elif getattr(code, "id", getattr(code, "attr", "")) not in {"code", "problem"}:
                self.unclear.append(ast.unparse(node))
        elif called in {"Arrived", "Delivery"}:
            for text in texts(node.args[1]) if len(node.args) > 1 else ():
                self.findings.setdefault(text, "error")
        elif issubclass_of_ours(called) or (called == "__init__" and issubclass_of_ours(self._class)):
            for text in texts(named.get("code") or (node.args[0] if node.args else ast.Constant(""))):
                self.errors[text] = called if issubclass_of_ours(called) else self._class
        self.generic_visit(node)


def texts(node: ast.expr) -> Iterator[str]:
    """The codes among the constants of an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and CODE.fullmatch(part.value):
            yield part.value


def issubclass_of_ours(name: str) -> bool:
    """Whether it is the name of one of our errors."""
    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, errors.CanvasbackError)


def collect() -> Codes:
    """All codes of the source, without those that only a check has: docs/checks.md is their page."""
    codes = Codes()
    for path in sorted(SOURCE.rglob("*.py")):
        codes.visit(ast.parse(path.read_text(encoding="utf-8"), str(path)))
    assert codes.errors
    assert codes.findings
    assert not codes.unclear, "the code of these findings cannot be read from the source"
    return codes


def test_every_error_is_described_with_its_exit_code() -> None:
    described = dict(re.findall(r"^\| `([a-z-]+)` \| (\d) \|", read("errors.md"), re.MULTILINE))

    assert described == {code: str(getattr(errors, kind).exit_code) for code, kind in collect().errors.items()}


def test_the_page_of_what_check_finds_is_what_its_script_writes() -> None:
    assert read("checks.md") == runpy.run_path(str(DOCS / "checks_page.py"))["page"](), (
        "run: python docs/checks_page.py"
    )


def test_every_finding_is_described_with_its_severity() -> None:
    page = read("how-to/the-backup-says-it-has-findings.md")
    described = dict(re.findall(r"^\| `([a-z-]+)` \| (\w+) \|", page, re.MULTILINE))
    codes = collect()

    assert {code: described.get(code) for code in codes.findings} == codes.findings
    # verify reports a damaged manifest or chunk under the code of its error
    corrupt = {code for code, kind in codes.errors.items() if kind == "CorruptError"}
    assert set(described) <= codes.findings.keys() | corrupt


def test_every_finding_about_a_cloud_is_described_with_its_severity() -> None:
    described = re.findall(r"^\| `([a-z-]+)` \| (\w+)", read("protect.md"), re.MULTILINE)
    wanted = {kind.code: kind.severity for kind in vars(kinds).values() if isinstance(kind, FindingKind)}

    assert {code: severity for code, severity in described if code in wanted} == wanted
    assert not {code for code, severity in described if severity in {"error", "warning", "info"}} - wanted.keys()


def test_every_right_that_a_look_at_a_bucket_takes_is_described() -> None:
    page = read("protect.md")
    rights = [question.right for question in QUESTIONS.values()] + [*aws_backup.RIGHTS.values()]

    assert [right for right in rights if f"`{right}`" not in page] == []


# The repository format


def fields(*structs: type) -> set[str]:
    """The fields of some structs."""
    return {name for struct in structs for name in struct.__struct_fields__}  # type: ignore[attr-defined]


def test_every_field_of_the_format_is_described() -> None:
    described = {name.rpartition(".")[2] for name in re.findall(r"`([a-z0-9_.]+)`", read("format.md"))}
    kinds = [manifest.Manifest, manifest.CatalogRecord, manifest.FileTotals, manifest.StoredTable]
    wanted = fields(*kinds, manifest.Index, manifest.Chunk, repository.Marker, leases.Lease, process.Process)
    wanted |= fields(register.RegisterObject, register.Leaving, Marks)
    wanted |= fields(recipients._KeysObject, recipients.Recipient, recipients._Contents, Epoch, Seal)
    wanted |= fields(commit_map.CommitsObject, CommitPosition)

    assert wanted | {column.name for column in filelist.COLUMNS} <= described


def test_the_numbers_of_the_format_are_described() -> None:
    page = read("format.md")

    assert f"version of the repository format: {layout.FORMAT}" in page
    assert f"the most rows of a chunk: {layout.CHUNK_ROWS}." in page
    for table, rows in layout.CHUNK_ROWS_OF.items():
        assert re.search(rf"the same for tables that differ: {rows} for [^|]*`{table}`", page)
    assert f"where there are at most {layout.INLINE_CHUNKS}" in page
    assert f"has more than {layout.INLINE_CHUNKS} chunks" in page
    assert f"has more than {layout.INLINE_CHUNKS}." in read("design.md")
    assert f"    {chunk_writer._PARQUET}\n" in page
    assert f"lasts {leases.LIFETIME.seconds} seconds" in page


def test_there_is_one_recipe_and_it_is_python() -> None:
    found = re.findall(r"^```python recipe\n(.*?)^```$", read("format.md"), re.MULTILINE | re.DOTALL)

    assert len(found) == 1
    compile(found[0], "recipe", "exec")


# Links and examples


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def without_code(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page)):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target))):
            dead.append(link)

    assert not dead


def test_every_page_that_shows_commands_can_be_played_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(DOCS / "how-to"))
    stories = runpy.run_path(str(DOCS / "how-to" / "stories.py"))["STORIES"]
    shown = {path for path in PAGES if "```console\n" in path.read_text(encoding="utf-8")}

    assert {ROOT / (name if "/" in name else f"docs/how-to/{name}.md") for name in stories} == shown


VARYING = [
    (r"\d{8}T\d{9,}Z", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?", "TIME"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID"),
    (r"[\d.,]+ ([KMG]i)?B\b", "SIZE"),
    (r"\d+ bytes", "SIZE"),
    (r"\d+\.\d+ s\b", "DURATION"),
    (r"^IO Error: .*$", "IO Error"),  # which of the missing files is met first is up to DuckDB
]


def normalised(output: str) -> str:
    """Output without what differs from run to run: times, ids and sizes."""
    for pattern, name in VARYING:
        output = re.sub(pattern, name, output, flags=re.MULTILINE)
    return output.strip()


def test_the_demo_prints_what_the_readme_shows() -> None:
    shown = re.search(
        r"^<!-- The output of demo/demo.py[^\n]*\n```text\n(.*?)^```$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert shown
    demo = subprocess.run([sys.executable, "-m", "demo.demo"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert normalised(demo.stdout) == normalised(shown[1])
