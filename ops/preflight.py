"""What an account still lacks for an environment: all checks, the worst finding first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ops import preflight_account, preflight_ses
from ops.preflight_findings import Facts, Finding, Severity

CHECKS = (
    preflight_ses.identity,
    preflight_ses.dkim,
    preflight_ses.mail_from,
    preflight_ses.dmarc,
    preflight_ses.sandbox,
    preflight_ses.quotas,
    preflight_ses.suppression,
    preflight_ses.plan,
    preflight_account.concurrency,
    preflight_account.service_quotas,
    preflight_account.publishers,
    preflight_account.cost_tags,
    preflight_account.alerts,
    preflight_account.rights,
)

ORDER = list(Severity)


def check(facts: Facts) -> list[Finding]:
    """Every finding, the worst first."""
    findings = [finding for check_one in CHECKS for finding in check_one(facts)]
    return sorted(findings, key=lambda finding: ORDER.index(finding.severity))


def is_ready(findings: Sequence[Finding]) -> bool:
    """Whether nothing is left that must be done."""
    return all(finding.severity is not Severity.MUST for finding in findings)
