"""Read the event records that SES publishes. Pure.

They are documented on https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
Unknown event types and bounce subtypes are accepted: they show that SES has the message, and are kept.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from notifications.keys import NotificationKey
from notifications.ledger import SesEvent, Status
from notifications.probe import is_probe, is_synthetic
from notifications.times import epoch_ms, iso

DETAIL_LENGTH = 200
"""Characters of a remote server's words that the history keeps: items stay small."""

EVENT_ID_LENGTH = 12
"""48 bits, told apart among the events of one notification."""

OUR_TAGS = frozenset({"order_key", "notification", "attempt"})
"""Message tags that lead an event to its record."""

SUPPRESSED_SUBTYPES = frozenset({"Suppressed", "OnAccountSuppressionList"})
"""SES did not try to deliver: the address is on its global list, or on the account's."""


class UnreadableEventError(Exception):
    """The message is no event record of SES; says which part is missing or wrong."""


class ForeignEventError(Exception):
    """The event is about a message that this system did not send: it lacks our tags."""


@dataclass(frozen=True)
class TrackedEvent:
    """An event and whose it is.

    Parameters
    ----------
    kind
        The event type as SES names it.
    sent_at_ms
        When SES accepted the message, epoch milliseconds.
    counts_as_hard_bounce, counts_as_complaint
        As SES counts them for the account's reputation.
    correlation_id
        Of the message that led to the attempt.
    synthetic
        Whether the email was a synthetic order's, which no rate counts.
    probe
        Whether it was one that the schedule starts.
    """

    key: NotificationKey
    attempt: int
    kind: str
    sent_at_ms: int
    event: SesEvent
    counts_as_hard_bounce: bool = False
    counts_as_complaint: bool = False
    correlation_id: str = ""
    synthetic: bool = False
    probe: bool = False


def read(body: str, recorded_at: str) -> TrackedEvent:
    """Read one record.

    Parameters
    ----------
    body
        The message as SNS delivered it raw.
    recorded_at
        Now, ISO 8601: for the record's `updated_at`.

    Raises
    ------
    UnreadableEventError
        If it isn't JSON or isn't an event.
    ForeignEventError
        If it lacks our tags.
    """
    try:
        return _read(json.loads(body), recorded_at)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        part = f"lacks {error}" if isinstance(error, KeyError) else "is not an SES event record"
        raise UnreadableEventError(part) from None


def _read(record: dict[str, Any], recorded_at: str) -> TrackedEvent:
    kind, mail = record["eventType"], record["mail"]
    tags = mail.get("tags") or {}
    if not tags.keys() >= OUR_TAGS:
        raise ForeignEventError(f"lacks the tags {', '.join(sorted(OUR_TAGS - tags.keys()))}")
    attempt, message_id = int(tags["attempt"][0]), str(mail["messageId"])
    sent_at = _moment(mail["timestamp"])
    said = _READERS.get(kind, _read_other)(record)
    at = iso(_moment(said.timestamp) if said.timestamp else sent_at)
    identity = "\0".join([str(attempt), kind, message_id, said.feedback_id or at])
    return TrackedEvent(
        key=NotificationKey(tags["order_key"][0], tags["notification"][0]),
        attempt=attempt,
        kind=kind,
        sent_at_ms=epoch_ms(sent_at),
        event=SesEvent(
            id=hashlib.sha256(identity.encode()).hexdigest()[:EVENT_ID_LENGTH],
            status=said.status,
            message_id=message_id,
            at=recorded_at,
            sent_at=iso(sent_at),
            entry={"at": at, "event": kind[:64], "attempt": attempt, **said.detail},
        ),
        counts_as_hard_bounce=said.counts_as_hard_bounce,
        counts_as_complaint=said.counts_as_complaint,
        correlation_id=str(tags.get("correlation_id", [""])[0]),
        synthetic=any(map(is_synthetic, mail.get("destination") or [])),
        probe=any(map(is_probe, mail.get("destination") or [])),
    )


@dataclass(frozen=True)
class _Said:
    status: Status
    detail: Mapping[str, str]
    timestamp: str | None = None
    feedback_id: str = ""
    counts_as_hard_bounce: bool = False
    counts_as_complaint: bool = False


def _read_send(record: dict[str, Any]) -> _Said:
    return _Said(Status.SENT, {})


def _read_delivery(record: dict[str, Any]) -> _Said:
    delivery = record["delivery"]
    return _Said(Status.DELIVERED, _detail(response=delivery.get("smtpResponse")), delivery.get("timestamp"))


def _read_delay(record: dict[str, Any]) -> _Said:
    delay = record["deliveryDelay"]
    return _Said(Status.DELAYED, _detail(type=delay.get("delayType")), delay.get("timestamp"))


def _read_bounce(record: dict[str, Any]) -> _Said:
    bounce = record["bounce"]
    subtype = bounce.get("bounceSubType", "")
    permanent = bounce.get("bounceType") == "Permanent"
    recipient = next(iter(bounce.get("bouncedRecipients") or [{}]))
    if subtype in SUPPRESSED_SUBTYPES:
        status = Status.SUPPRESSED
    else:
        status = Status.BOUNCED if permanent else Status.SOFT_BOUNCED
    return _Said(
        status,
        _detail(
            type=bounce.get("bounceType"),
            subtype=subtype,
            code=recipient.get("status"),
            response=recipient.get("diagnosticCode"),
        ),
        bounce.get("timestamp"),
        bounce.get("feedbackId", ""),
        counts_as_hard_bounce=permanent and subtype != "OnAccountSuppressionList",
    )


def _read_complaint(record: dict[str, Any]) -> _Said:
    complaint = record["complaint"]
    subtype = complaint.get("complaintSubType") or ""
    kind = complaint.get("complaintFeedbackType") or ""
    if subtype in SUPPRESSED_SUBTYPES:
        status = Status.SUPPRESSED
    else:
        # "not-spam": the recipient says that it was wrongly taken for spam.
        status = Status.SENT if kind == "not-spam" else Status.COMPLAINED
    return _Said(
        status,
        _detail(type=kind, subtype=subtype),
        complaint.get("timestamp"),
        complaint.get("feedbackId", ""),
        counts_as_complaint=status is Status.COMPLAINED,
    )


def _read_reject(record: dict[str, Any]) -> _Said:
    return _Said(Status.REJECTED, _detail(response=record["reject"].get("reason")))


def _read_rendering_failure(record: dict[str, Any]) -> _Said:
    return _Said(Status.REJECTED, _detail(response=record["failure"].get("errorMessage")))


def _read_other(record: dict[str, Any]) -> _Said:
    return _Said(Status.SENT, {})


_READERS: dict[str, Callable[[dict[str, Any]], _Said]] = {
    "Send": _read_send,
    "Delivery": _read_delivery,
    "DeliveryDelay": _read_delay,
    "Bounce": _read_bounce,
    "Complaint": _read_complaint,
    "Reject": _read_reject,
    "Rendering Failure": _read_rendering_failure,
}
"""Rendering Failure has a space in its name and its payload under `failure`."""


def _detail(**parts: object) -> dict[str, str]:
    return {name: str(part)[:DETAIL_LENGTH] for name, part in parts.items() if part}


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
