"""Once a day, tell which notifications are overdue, and what became of the last days."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from notifications import metric_names, overdue, telemetry
from notifications.clients import Clients
from notifications.ledger_scan import LedgerScan
from notifications.overdue import Assessment, Entry
from notifications.settings import CheckSettings


class Application:
    """Everything that the function needs, made once per process."""

    def __init__(self, settings: CheckSettings, clients: Clients) -> None:
        self._scan = LedgerScan(clients.dynamodb(), settings.ledger_table_name)
        self._undecided_after = settings.undecided_after

    def check(self, now: datetime) -> Assessment:
        """Read the ledger; log and count what is found, which is all that is done about it."""
        entries = self._scan.entries(overdue.UNRESOLVED, overdue.tallied_since(now))
        found = overdue.assess(entries, now, self._undecided_after)
        _log(found, now)
        # Zero is emitted too: a day without the metric is a day without the check.
        telemetry.count(metric_names.NOTIFICATIONS_OVERDUE, found.overdue - found.undecided)
        telemetry.count(metric_names.AWAITING_DECISION, found.undecided)
        telemetry.flush()
        return found


def _log(found: Assessment, now: datetime) -> None:
    for tally in found.days:
        telemetry.logger.info(
            "tally",
            day=tally.day.isoformat(),
            notifications=tally.notifications,
            statuses=tally.statuses,
            resends=tally.resends,
        )
    for one in found.listed:
        telemetry.logger.warning(
            "overdue",
            finding=one.finding,
            status=one.entry.status,
            **_log_fields(one.entry, one.since, now),
        )
    for entry in found.failed:
        telemetry.logger.warning("failed", reason=entry.reason, **_log_fields(entry, entry.updated_at, now))
    telemetry.logger.info(
        "check",
        overdue=found.overdue,
        by_finding=found.counts,
        not_listed=found.overdue - len(found.listed),
        overdue_longer=found.older,
        failed=len(found.failed),
    )


def _log_fields(entry: Entry, since: datetime, now: datetime) -> dict[str, Any]:
    return {
        "order_key": entry.key.order_key,
        "notification": entry.key.notification,
        "attempt": entry.attempt,
        "age_hours": int((now - since).total_seconds() // 3600),
    }
