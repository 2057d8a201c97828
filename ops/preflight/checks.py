"""What an account still lacks for an environment: all checks, the worst finding first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ops.preflight import account, ses
from ops.preflight.findings import Facts, Finding, Severity

CHECKS = (
    ses.identity,
    ses.dkim,
    ses.mail_from,
    ses.dmarc,
    ses.sandbox,
    ses.quotas,
    ses.suppression,
    ses.plan,
    account.concurrency,
    account.service_quotas,
    account.publishers,
    account.cost_tags,
    account.alerts,
    account.rights,
)

ORDER = list(Severity)


def check(facts: Facts) -> list[Finding]:
    """Every finding, the worst first."""
    findings = [finding for check_one in CHECKS for finding in check_one(facts)]
    return sorted(findings, key=lambda finding: ORDER.index(finding.severity))


def is_ready(findings: Sequence[Finding]) -> bool:
    """Whether nothing is left that must be done."""
    return all(finding.severity is not Severity.MUST for finding in findings)
