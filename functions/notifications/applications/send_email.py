"""Order events from the send queue; each becomes one email."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from notifications import metric_names, telemetry
from notifications.clients import Clients
from notifications.email_types import EmailTypes
from notifications.ledger_table import LedgerTable
from notifications.mailer import SesMailer
from notifications.pacing import Pacer, SesRate
from notifications.queues import (
    BackOff,
    DeadLetterQueue,
    Handled,
    QueueRecord,
    handle_concurrently,
    messages_waiting,
    records,
)
from notifications.rendering import Renderer
from notifications.sending import Deadlines, Outcome, Policy, Result, SendEmail, backoff_seconds
from notifications.settings import SendSettings

STOP_EARLY_MS = 500
"""An invocation ends this much before Lambda would end it."""

METRICS = {
    Outcome.ACCEPTED: (metric_names.EMAILS_ACCEPTED,),
    Outcome.FAILED: (metric_names.SEND_FAILURES, metric_names.EMAILS_FAILED),
    Outcome.CONFIGURATION: (metric_names.SEND_FAILURES,),
    Outcome.UNKNOWN: (metric_names.UNKNOWN_OUTCOMES,),
}


class Application:
    """Everything that the function needs, made once per process."""

    def __init__(self, settings: SendSettings, clients: Clients) -> None:
        ses, sqs = clients.ses(), clients.sqs()
        table = LedgerTable(clients.dynamodb(), settings.ledger_table_name)
        types = EmailTypes()
        share = settings.ses_rate_share_percent / 100 / settings.send_maximum_concurrency
        rate = SesRate(ses, share, settings.ses_fallback_rate_per_second, time.monotonic)
        feedback_queues = (
            settings.feedback_queue_url,
            settings.feedback_dead_letter_queue_url,
            settings.feedback_undelivered_queue_url,
        )
        self._mailer = SesMailer(ses, settings.from_address, settings.configuration_set_name)
        self._back_off = BackOff(sqs, settings.send_queue_url)
        self._send = SendEmail(
            types=types,
            renderer=Renderer(),
            store=table,
            mailer=self._mailer,
            pacer=Pacer(rate, time.monotonic),
            dead_letters=DeadLetterQueue(sqs, settings.send_dead_letter_queue_url),
            feedback_waits=lambda: messages_waiting(sqs, feedback_queues),
            policy=Policy(
                maximum_event_age=timedelta(hours=settings.maximum_event_age_hours),
                record_retention=timedelta(days=settings.record_retention_days),
                settling=settings.settling,
                max_receives=settings.send_queue_max_receives,
                recipient_hash_key=settings.recipient_hash_key,
                deadlines=Deadlines.of_function(settings.function_timeout_seconds),
            ),
            now=lambda: datetime.now(UTC),
            sleep=time.sleep,
        )

    def handle(self, event: dict[str, Any], remaining_ms: int) -> dict[str, Any]:
        """Handle one batch; report the messages that are to come back."""
        ends_at_ms = int(time.time() * 1000) + remaining_ms - STOP_EARLY_MS
        self._mailer.drop_idle_connections()
        done = handle_concurrently(records(event), lambda record: self._send.handle(record, ends_at_ms))
        failures = [handled.record.id for handled in done if self._conclude(handled)]
        telemetry.flush()
        return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures]}

    def _conclude(self, handled: Handled[Result]) -> bool:
        """Log and count one message; whether it is to come back."""
        if handled.result is None:
            error = telemetry.describe(handled.error)
            telemetry.logger.error("email", **_message_fields(handled.record), outcome="error", detail=error)
            telemetry.count(metric_names.SEND_FAILURES)
            self._back_off.retry_after(handled.record, backoff_seconds(handled.record.receive_count, 0.5))
            return True
        result = handled.result
        is_noteworthy = result.duplicate or result.awaits_decision or result.outcome is Outcome.MISMATCH
        log = telemetry.logger.warning if is_noteworthy else telemetry.logger.info
        log("email", **_log_fields(handled.record, result))
        is_counted = not (result.subject.synthetic and result.outcome is Outcome.ACCEPTED)
        for metric in METRICS.get(result.outcome, ()) if is_counted else ():
            telemetry.count(metric)
        if result.awaits_decision:
            telemetry.count(metric_names.AWAITING_DECISION)
        if result.subject.resend:
            # Its latency is the settle window's, by design: it is counted here instead of there.
            telemetry.count(metric_names.UNKNOWN_RESENT)
        elif result.latency_ms is not None:
            telemetry.latency(result.latency_ms)
        if result.retry_after_seconds is None:
            return False
        self._back_off.retry_after(handled.record, result.retry_after_seconds)
        return True


def _message_fields(record: QueueRecord) -> dict[str, Any]:
    return {
        "queue_message_id": record.id,
        "correlation_id": record.correlation_id,
        "receive_count": record.receive_count,
    }


def _log_fields(record: QueueRecord, result: Result) -> dict[str, Any]:
    subject = result.subject
    fields = _message_fields(record) | {"outcome": result.outcome, "email_type": subject.email_type}
    if subject.key:
        fields |= {"order_key": subject.key.order_key, "notification": subject.key.notification}
    optional = {
        "attempt": subject.attempt,
        "resend_after_unknown": subject.resend,
        "synthetic": subject.synthetic,
        "detail": result.detail,
        "message_id": result.message_id,
        "duplicate": result.duplicate,
        "awaits_decision": result.awaits_decision,
        "retry_after_seconds": result.retry_after_seconds,
        "latency_ms": result.latency_ms,
    }
    return fields | {name: content for name, content in optional.items() if content}
