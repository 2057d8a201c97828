"""Once a day, tell which notifications are overdue, and what became of the last days."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from notifications import metric_names, overdue, telemetry
from notifications.clients import Clients
from notifications.ledger_scan import LedgerScan
from notifications.overdue import Findings, Overdue
from notifications.settings import CheckSettings


class Application:
    """Everything that the function needs, made once per process."""

    def __init__(self, settings: CheckSettings, clients: Clients) -> None:
        self._scan = LedgerScan(clients.dynamodb(), settings.ledger_table_name)

    def check(self, now: datetime) -> Findings:
        """Read the ledger; log and count what is found, which is all that is done about it."""
        entries = self._scan.entries(
            overdue.UNSENT | overdue.AWAITING_OUTCOME, overdue.earliest_accounted_for(now)
        )
        findings = overdue.assess(entries, now)
        _log(findings, now)
        # Zero is emitted too: a day without the metric is a day without the check.
        telemetry.count(metric_names.NOTIFICATIONS_OVERDUE, findings.overdue)
        telemetry.flush()
        return findings


def _log(findings: Findings, now: datetime) -> None:
    for account in findings.accounts:
        telemetry.logger.info(
            "account",
            day=account.day.isoformat(),
            notifications=account.notifications,
            statuses=account.statuses,
            resends=account.resends,
        )
    for one in findings.listed:
        telemetry.logger.warning("overdue", **_log_fields(one, now))
    telemetry.logger.info(
        "check",
        overdue=findings.overdue,
        by_finding=findings.counts,
        not_listed=findings.overdue - len(findings.listed),
        overdue_longer=findings.older,
    )


def _log_fields(one: Overdue, now: datetime) -> dict[str, Any]:
    return {
        "finding": one.finding,
        "order_key": one.entry.key.order_key,
        "notification": one.entry.key.notification,
        "status": one.entry.status,
        "attempt": one.entry.attempt,
        "age_hours": int((now - one.since).total_seconds() // 3600),
    }
