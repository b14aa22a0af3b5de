"""heal --from aws-backup as a user meets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from canvasback.clouds import aws_restore_jobs
from canvasback.model.results.heal import HealResult
from tests.aws_backup_stub import AwsBackupStub
from tests.cli.running import Place
from tests.cli.test_buckets import KEYS
from tests.cli.test_commands import answered
from tests.clouds import cloud
from tests.lake.test_heal_aws_backup import Saved


def test_what_is_told(
    tmp_path: Path, aws_backup: AwsBackupStub, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws_restore_jobs, "_FIRST", 0.01)
    where = cloud("s3", request, monkeypatch)
    bucket = Saved(where, tmp_path, aws_backup)
    place = Place(tmp_path)
    settings = f'[storage."s3://"]\nendpoint = "{where.options.endpoint}"\nregion = "us-east-1"\n'
    (tmp_path / "canvasback.toml").write_text(settings)
    variables = {**KEYS, "AWS_ENDPOINT_URL_BACKUP": aws_backup.endpoint}
    arn = bucket.save()
    bucket.damage()
    command = ("heal", bucket.attach, "--from", "aws-backup")

    plain = place.run(*command, **variables)
    assert plain.code == 3
    assert "[scratch-needed]" in plain.out
    assert (
        "\n  hint: Name an empty bucket of the same region that keeps versions: --scratch s3://BUCKET.\n" in plain.out
    )

    wet = place.run(*command, "--scratch", bucket.scratch, "--recovery-point", arn, **variables)
    assert (wet.code, wet.err) == (0, "")
    lines = wet.out.splitlines()
    files = len(bucket.contents)
    assert lines[1].startswith(
        f"  - {-(-files // 5)} jobs of AWS Backup restore {files} files into {bucket.scratch}, from"
    )
    assert len([line for line in lines if line.endswith(f", from AWS's recovery point {arn}")]) == files + 1
    left = f"  info: {bucket.scratch}: {files} files are left here as AWS Backup restored what the lake lacked"
    assert f"{left} [left-in-scratch]" in lines
    bucket.is_right()

    again: HealResult = answered(place.run(*command, "--json", **variables), "heal")
    assert (again.healed_files, again.lost_files) == (0, 0)

    wrong = place.run("heal", bucket.attach, "--scratch", bucket.scratch, **variables)
    assert (wrong.code, "[options-together]" in wrong.err) == (2, True)
