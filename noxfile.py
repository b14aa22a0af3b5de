"""The Pythons that are supported, each in an environment of its own: run by `make pythons`.

An interpreter that is not on this machine is named as skipped at the end; `nox --error-on-missing-interpreters` fails
for it.
"""

from __future__ import annotations

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "venv"

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def quick(session: nox.Session) -> None:
    """Run what needs no server, and then a lake of the real extension there and back."""
    session.install("--editable", ".[dev]")
    session.run("python", "-m", "pytest", "tests/unit", "tests/contract/test_store.py", "-k", "unit or memory")
    session.run("python", "-m", "demo.demo")
