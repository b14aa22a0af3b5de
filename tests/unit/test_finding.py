"""Covers canvasback.model.finding."""

from __future__ import annotations

from canvasback.model.finding import Finding, Findings


def finding(number: int, code: str = "file-missing") -> Finding:
    return Finding(code, "error", f"file {number}", "not there")


def test_the_first_are_kept_and_all_are_counted() -> None:
    findings = Findings(keep=3)
    findings.extend(finding(number) for number in range(10))
    findings.add(finding(10, "file-size"))
    assert [f.where for f in findings.kept] == ["file 0", "file 1", "file 2"]
    assert findings.counts == {"file-missing": 10, "file-size": 1}


def test_counts_are_sorted_by_code() -> None:
    findings = Findings()
    findings.extend([finding(1, "zebra"), finding(2, "apple"), finding(3, "zebra")])
    assert list(findings.counts.items()) == [("apple", 1), ("zebra", 2)]


def test_a_lost_disk_makes_no_huge_manifest() -> None:
    findings = Findings()
    findings.extend(finding(number) for number in range(50_000))
    assert len(findings.kept) == 1000
    assert findings.counts == {"file-missing": 50_000}


def test_nothing() -> None:
    assert Findings().kept == ()
    assert Findings().counts == {}
