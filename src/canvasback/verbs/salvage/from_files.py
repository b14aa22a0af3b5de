"""What commits left in storage, and no catalog remembers, becomes part of a lake again: by the files alone."""

from __future__ import annotations

import shutil
from datetime import datetime

from canvasback.catalog.blank import blank_catalog
from canvasback.catalog.connections import connect
from canvasback.catalog.dialects import in_dialect
from canvasback.catalog.engines import Engine, open_to_change
from canvasback.catalog.image import Image
from canvasback.catalog.writing.edits import edited, statements
from canvasback.catalog.writing.unchanged import expected_of
from canvasback.datapath.opened_lake import open_lake
from canvasback.errors import RefusedError, UsageError
from canvasback.model.finding import Finding, Findings
from canvasback.model.lake import LakeName
from canvasback.model.moment import in_utc
from canvasback.model.plurals import many
from canvasback.model.results.salvage import SalvageResult
from canvasback.storage.locations import folder_url
from canvasback.storage.run import Run
from canvasback.storage.temporary import make_folder
from canvasback.verbs.salvage.plan import SalvagePlan, plan_salvage


def salvage_files(
    name: LakeName, run: Run, *, new_catalog: bool = False, data_path: str | None = None, dry_run: bool = False
) -> SalvageResult:
    """Make snapshots again of commits whose files storage holds, and that the catalog does not know.

    For a catalog that is older than its files, or for none at all. What the files prove is recovered exactly; what
    they do not tell is named in the result. No file is changed, moved or deleted. The catalog changes in one
    transaction. Whoever has the lake attached meanwhile has to attach it again.

    Args:
        name: The lake.
        run: Opens the data path, and is told how the work goes on.
        new_catalog: Make the catalog, which is lost altogether; ``data_path`` says where the files are.
        data_path: Where the lake's data path is, if the catalog's own spelling does not lead there.
        dry_run: Make the plan only.

    Raises:
        UsageError: A catalog is to be made, and nobody says of what files (``no-data-path``).
        RefusedError: A catalog is to be made where there is one (``target-not-empty``).
        LockedError: Somebody has the catalog open, or changed it meanwhile; nothing was changed.
        LakeError: There is no catalog, or it cannot be read.
    """
    engine = open_to_change(name)
    if new_catalog:
        return _make(name, engine, data_path, run, dry_run=dry_run)
    with open_lake(engine, name, data_path=data_path) as live:
        image, root = live.image, live.root()
        plan = plan_salvage(image, root, run.stores.open(root), run.progress)
        findings = Findings()
        if plan.commits:
            for client in engine.clients():
                findings.add(
                    Finding(
                        "client-attached",
                        "warning",
                        client,
                        "is connected to the catalog's database, and may have the lake attached",
                        "Whoever has the lake attached must attach it again before using it.",
                    )
                )
            if not dry_run:
                run.progress.begin("changing the catalog")
                engine.change(statements(plan.edits), expected_of(image))
                run.progress.end()
        return result_of(name, root, plan, findings, run, dry_run=dry_run)


def _make(name: LakeName, engine: Engine, data_path: str | None, run: Run, *, dry_run: bool) -> SalvageResult:
    if data_path is None:
        raise UsageError(
            "no-data-path",
            "a catalog that is to be made does not say where its files are",
            hint="Say it with --data-path.",
        )
    refuse_taken(engine)
    root = folder_url(data_path)
    folder = make_folder()
    try:
        first = datetime.fromtimestamp(0, tz=run.now().tzinfo)
        with blank_catalog(connect(folder), root, first) as image:
            plan = plan_salvage(image, root, run.stores.open(root), run.progress)
            if not plan.recent:
                return _write(name, engine, image, root, plan, run, dry_run=dry_run)
        with blank_catalog(connect(folder), root, first, version="1.0") as image:
            plan = plan_salvage(image, root, run.stores.open(root), run.progress)
            return _write(name, engine, image, root, plan, run, dry_run=dry_run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(
    name: LakeName, engine: Engine, image: Image, root: str, plan: SalvagePlan, run: Run, *, dry_run: bool
) -> SalvageResult:
    findings = Findings()
    if not plan.commits:  # an empty catalog would only be in the way of the right one
        findings.add(
            Finding(
                "nothing-salvaged",
                "warning",
                root,
                "holds no file of which a commit can be told; no catalog is made",
                "Check --data-path: it is the folder that the lake's DATA_PATH named.",
            )
        )
    elif not dry_run:
        run.progress.begin("writing the catalog")
        engine.write(in_dialect(edited(image, plan.edits), name.engine), run.now(), replace=False)
        run.progress.end()
    return result_of(name, root, plan, findings, run, dry_run=dry_run)


def refuse_taken(engine: Engine) -> None:
    """See that there is no catalog where one is to be made."""
    try:
        engine.prepare(replace=False)
    except RefusedError as error:
        hint = "Leave out --new-catalog if that is the lake's catalog: it is gone on from. Else move it aside first."
        raise RefusedError(error.code, error.message, hint=hint) from error


def result_of(
    name: LakeName, root: str, plan: SalvagePlan, findings: Findings, run: Run, *, dry_run: bool
) -> SalvageResult:
    """What was done, or would be."""
    return SalvageResult(
        lake=str(name),
        from_snapshot=plan.head,
        snapshot_id=plan.snapshot,
        data_path=root,
        steps=_steps(plan),
        dry_run=dry_run,
        commits=plan.commits,
        left=plan.left,
        losses=plan.losses,
        tables=plan.tables,
        seconds=run.seconds,
        findings=findings.kept,
        finding_counts=findings.counts,
    )


def _steps(plan: SalvagePlan) -> tuple[str, ...]:
    if not plan.commits:
        return ("storage holds nothing that could be told to be of a commit that the catalog does not know",)
    come = "comes" if len(plan.commits) == 1 else "come"
    steps = [f"{many(len(plan.commits), 'commit')} after snapshot {plan.head} {come} back, in one transaction"]
    steps += [
        f"snapshot {commit.snapshot_id}: {', '.join(commit.what)} in {', '.join(commit.tables)}, "
        f"{many(commit.files, 'file')} of {in_utc(commit.time)} ({commit.sureness}: {commit.why})"
        for commit in plan.commits
    ]
    if plan.left:
        steps.append(f"left alone: {many(len(plan.left), 'file')}")
    steps.append("whoever has the lake attached has to attach it again")
    return tuple(steps)
