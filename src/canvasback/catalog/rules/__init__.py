"""What `check` asks of a catalog: every rule, in the order in which faults are reported."""

from __future__ import annotations

from canvasback.catalog.rules.rule import Rule

RULES: tuple[Rule, ...] = ()
