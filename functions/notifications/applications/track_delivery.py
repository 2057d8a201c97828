"""SES events from the feedback queue; each is recorded in the ledger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from notifications import metric_names, telemetry
from notifications.clients import Clients
from notifications.evidence import Doubt
from notifications.ledger_table import LedgerTable
from notifications.queues import BackOff, DeadLetterQueue, Handled, handle_concurrently, records
from notifications.sending import FEEDBACK_BACKOFF_CAP_SECONDS, backoff_seconds
from notifications.settings import TrackSettings
from notifications.tracking import TrackDelivery, Tracked


class Application:
    """Everything that the function needs, made once per process."""

    def __init__(self, settings: TrackSettings, clients: Clients) -> None:
        sqs = clients.sqs()
        self._back_off = BackOff(sqs, settings.feedback_queue_url)
        self._track = TrackDelivery(
            LedgerTable(clients.dynamodb(), settings.ledger_table_name),
            DeadLetterQueue(sqs, settings.feedback_dead_letter_queue_url),
            self._marked_window_ms(settings),
            now=lambda: datetime.now(UTC),
        )

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """Handle one batch; report the messages that are to come back."""
        done = handle_concurrently(records(event), lambda record: self._track.handle(record.body))
        failures = [handled.record.id for handled in done if self._conclude(handled)]
        telemetry.flush()
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures]}

    @staticmethod
    def _marked_window_ms(settings: TrackSettings) -> int | None:
        by_itself = settings.resend_after_silence.allows(Doubt.UNANSWERED)
        return settings.settle_window_seconds * 1000 if by_itself else None

    def _conclude(self, handled: Handled[Tracked]) -> bool:
        """Log and count one event; whether it is to come back."""
        if handled.result is None:
            error = telemetry.describe(handled.error)
            telemetry.logger.error("event", queue_message_id=handled.record.id, outcome="error", detail=error)
            wait = backoff_seconds(handled.record.receive_count, 0.5, FEEDBACK_BACKOFF_CAP_SECONDS)
            self._back_off.retry_after(handled.record, wait)
            return True
        tracked = handled.result
        log = telemetry.logger.warning if tracked.duplicate else telemetry.logger.info
        log("event", queue_message_id=handled.record.id, **_log_fields(tracked))
        measured = {
            metric_names.EMAILS_DELIVERED: tracked.delivered,
            metric_names.PROBES_DELIVERED: tracked.probes_delivered,
            metric_names.HARD_BOUNCES: tracked.hard_bounces,
            metric_names.COMPLAINTS: tracked.complaints,
        }
        for metric, number in measured.items():
            if number is not None:
                telemetry.count(metric, number)
        return False


def _log_fields(tracked: Tracked) -> dict[str, Any]:
    fields: dict[str, Any] = {"outcome": tracked.outcome}
    if tracked.event:
        fields |= {
            "event": tracked.event.kind,
            "order_key": tracked.event.key.order_key,
            "notification": tracked.event.key.notification,
            "attempt": tracked.event.attempt,
            "message_id": tracked.event.event.message_id,
            "event_status": tracked.event.event.status,
        }
    optional = {
        "correlation_id": tracked.event.correlation_id if tracked.event else "",
        "status": tracked.status,
        "detail": tracked.detail,
        "duplicate": tracked.duplicate,
    }
    return fields | {name: content for name, content in optional.items() if content}
