"""The command that tells what an account still lacks: `preflight`."""

from __future__ import annotations

import dataclasses
from collections import Counter

import typer

from ops import targets
from ops.commands.options import NO, Env, Json, Region
from ops.output import Progress, answers, print_json, table
from ops.preflight import checks, facts
from ops.preflight.findings import Finding, Severity


def preflight(env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Tell what the account still lacks, and the remedy. Exit code 1: something must be done.

    Changes nothing; works before the first deployment and afterwards.
    """
    to = targets.choose(env, region)
    findings = checks.check(facts.gather(to.environment, to.aws, Progress()))
    is_ready = checks.is_ready(findings)
    if as_json:
        print_json(
            {
                "environment": to.environment.name,
                "account": to.aws.account,
                "region": to.aws.region,
                "ready": is_ready,
                "findings": [dataclasses.asdict(finding) for finding in findings],
            }
        )
    else:
        rows = [row for finding in findings for row in _rows(finding)]
        answers().print(table("", "Check", "Finding", rows=rows))
        answers().print(_summary(findings))
    if not is_ready:
        raise typer.Exit(NO)


def _rows(finding: Finding) -> list[tuple[str, str, str]]:
    rows = [(finding.severity.value, finding.check, finding.what)]
    return [*rows, ("", "", f"→ {finding.remedy}")] if finding.remedy else rows


def _summary(findings: list[Finding]) -> str:
    counted = Counter(finding.severity for finding in findings)
    parts = ", ".join(f"{counted[severity]} {severity}" for severity in Severity if counted[severity])
    return f"{len(findings)} findings: {parts}."
