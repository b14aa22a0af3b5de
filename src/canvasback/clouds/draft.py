"""What a plan to switch a mechanism on is made of, while it is made."""

from __future__ import annotations

from collections.abc import Iterable

from canvasback.clouds.hcl import Block, configuration
from canvasback.model.plans.protect_enable import Document, Mechanism, ProtectPlan, Step


class Draft:
    """Collects the changes, what stays, and what is to be said.

    Attributes:
        changes: What is to be done, in order.
        kept: What is there already and stays, in words.
        remarks: What the changes will not do, or will cost; full sentences.
    """

    def __init__(self) -> None:
        self.changes: list[Step] = []
        self.kept: list[str] = []
        self.remarks: list[str] = []

    def finished(
        self, bucket: str, mechanism: Mechanism, documents: Iterable[Document], terraform: Iterable[Block]
    ) -> ProtectPlan:
        """The plan, with the rights that it takes and the same as Terraform."""
        return ProtectPlan(
            bucket=bucket,
            mechanism=mechanism,
            changes=tuple(self.changes),
            kept=tuple(self.kept),
            remarks=tuple(self.remarks),
            documents=tuple(documents),
            terraform=configuration(terraform),
        )
