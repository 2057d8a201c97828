"""Read the event records that SES publishes. Pure.

They are documented on https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html.
Unknown event types and bounce subtypes are accepted: they show that SES has the message, and are kept.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from notifications.keys import NotificationKey
from notifications.ledger import SesEvent, Status
from notifications.probe import is_probe, is_synthetic
from notifications.queues import CORRELATION_ID
from notifications.times import epoch_ms, iso

_Object: TypeAlias = dict[str, Any]

DETAIL_LENGTH = 200
"""Characters of a remote server's words that the history keeps: items stay small."""

EVENT_ID_LENGTH = 12
"""48 bits, told apart among the events of one notification."""

OUR_TAGS = frozenset({"order_key", "notification", "attempt"})
"""Message tags that lead an event to its record."""

ATTEMPT = re.compile(r"[1-9][0-9]{0,5}|1000000")
MESSAGE_ID = re.compile(r"[!-~]{1,256}")
KIND = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{0,63}")

TOPIC_VALIDATED = "Successfully validated SNS topic"
"""What SES writes to the topic, as plain text, when an event destination is made or changed."""

SNS_ENVELOPE = frozenset({"Type", "MessageId", "TopicArn", "Message"})
"""Fields around a message that was not delivered raw
(https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html)."""

NO_COMPLAINTS = frozenset({"not-spam", "auth-failure"})
"""Feedback types that are not the recipient's complaint: it was wrongly taken for spam, or its authentication
failed (https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html)."""

SUPPRESSED_SUBTYPES = frozenset({"Suppressed", "OnAccountSuppressionList"})
"""SES did not try to deliver: the address is on its global list, or on the account's."""


class UnreadableEventError(Exception):
    """The message is no event record of SES; says which part is missing or wrong, and never what it holds."""


class ForeignEventError(Exception):
    """The message is not about an email of this system, and nobody has to look at it; says why."""


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

    Whose event it is must be beyond doubt: what that is read from has exact shapes. All else may be missing
    or odd. A time that cannot be read, or that is later than `recorded_at`, counts as `recorded_at`.

    Parameters
    ----------
    body
        The message as SNS delivered it raw.
    recorded_at
        Now, ISO 8601: for the record's `updated_at`.

    Raises
    ------
    UnreadableEventError
        If it isn't an event record.
    ForeignEventError
        If it is none of ours, or what SES says on the topic besides events.
    """
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        if body.startswith(TOPIC_VALIDATED):
            raise ForeignEventError("tells that SES has validated the topic") from None
        raise UnreadableEventError("is not JSON") from None
    if not isinstance(record, dict):
        raise UnreadableEventError("is not a JSON object")
    if "eventType" not in record:
        raise _no_event(record)
    return _read(record, recorded_at)


def _no_event(record: _Object) -> Exception:
    if record.keys() >= SNS_ENVELOPE:
        return UnreadableEventError(
            "is an SNS envelope: raw message delivery is off for this queue's subscription, turn it on"
        )
    if "notificationType" in record:
        return ForeignEventError("is a notification of an SES identity, which is pointed at our topic")
    return UnreadableEventError("lacks eventType")


def _read(record: _Object, recorded_at: str) -> TrackedEvent:
    mail = _object(record, "mail")
    tags = _object(mail, "tags") if mail.get("tags") else {}
    if not tags.keys() >= OUR_TAGS:
        raise ForeignEventError(f"lacks the tags {', '.join(sorted(OUR_TAGS - tags.keys()))}")
    key = NotificationKey(_tag(tags, "order_key"), _tag(tags, "notification"))
    if not key.is_well_formed:
        raise UnreadableEventError("has tags order_key and notification that are no key of the ledger")
    attempt = _exact(_tag(tags, "attempt"), ATTEMPT, "the tag attempt")
    message_id = _exact(mail.get("messageId"), MESSAGE_ID, "mail.messageId")
    kind = _exact(record["eventType"], KIND, "eventType")
    said = _READERS.get(kind, _read_other)(record)
    now = datetime.fromisoformat(recorded_at)
    sent_at, sent_at_text = _moment(mail.get("timestamp"), now)
    at, at_text = _moment(said.timestamp, now) if said.has_own_time else (sent_at, sent_at_text)
    identity = "\0".join([attempt, kind, message_id, said.feedback_id or at_text])
    recipients = [address for address in _list(mail, "destination") if isinstance(address, str)]
    return TrackedEvent(
        key=key,
        attempt=int(attempt),
        kind=kind,
        sent_at_ms=epoch_ms(sent_at),
        event=SesEvent(
            id=hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()[:EVENT_ID_LENGTH],
            attempt=int(attempt),
            status=said.status,
            message_id=message_id,
            at=recorded_at,
            sent_at=iso(sent_at),
            entry={"at": iso(at), "event": kind, "attempt": int(attempt), **said.detail},
        ),
        counts_as_hard_bounce=said.counts_as_hard_bounce,
        counts_as_complaint=said.counts_as_complaint,
        correlation_id=_correlation_id(tags),
        synthetic=any(map(is_synthetic, recipients)),
        probe=any(map(is_probe, recipients)),
    )


@dataclass(frozen=True)
class _Said:
    """What an event says besides whose it is.

    Parameters
    ----------
    timestamp
        Its own time as SES wrote it, if its kind has one.
    """

    status: Status
    detail: Mapping[str, str]
    has_own_time: bool = False
    timestamp: object = None
    feedback_id: str = ""
    counts_as_hard_bounce: bool = False
    counts_as_complaint: bool = False


def _read_delivery(record: _Object) -> _Said:
    delivery = _object(record, "delivery")
    detail = _detail(response=delivery.get("smtpResponse"))
    return _Said(Status.DELIVERED, detail, True, delivery.get("timestamp"))


def _read_delay(record: _Object) -> _Said:
    delay = _object(record, "deliveryDelay")
    return _Said(Status.DELAYED, _detail(type=delay.get("delayType")), True, delay.get("timestamp"))


def _read_bounce(record: _Object) -> _Said:
    bounce = _object(record, "bounce")
    subtype = _text(bounce, "bounceSubType")
    permanent = _text(bounce, "bounceType") == "Permanent"
    recipient = next((one for one in _list(bounce, "bouncedRecipients") if isinstance(one, dict)), {})
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
        True,
        bounce.get("timestamp"),
        _text(bounce, "feedbackId"),
        counts_as_hard_bounce=permanent and subtype != "OnAccountSuppressionList",
    )


def _read_complaint(record: _Object) -> _Said:
    complaint = _object(record, "complaint")
    subtype = _text(complaint, "complaintSubType")
    kind = _text(complaint, "complaintFeedbackType")
    if subtype in SUPPRESSED_SUBTYPES:
        status = Status.SUPPRESSED
    else:
        status = Status.SENT if kind in NO_COMPLAINTS else Status.COMPLAINED
    return _Said(
        status,
        _detail(type=kind, subtype=subtype),
        True,
        complaint.get("timestamp"),
        _text(complaint, "feedbackId"),
        counts_as_complaint=status is Status.COMPLAINED,
    )


def _read_reject(record: _Object) -> _Said:
    return _Said(Status.REJECTED, _detail(response=_object(record, "reject").get("reason")))


def _read_rendering_failure(record: _Object) -> _Said:
    return _Said(Status.REJECTED, _detail(response=_object(record, "failure").get("errorMessage")))


def _read_other(record: _Object) -> _Said:
    return _Said(Status.SENT, {})


_READERS: dict[str, Callable[[_Object], _Said]] = {
    "Delivery": _read_delivery,
    "DeliveryDelay": _read_delay,
    "Bounce": _read_bounce,
    "Complaint": _read_complaint,
    "Reject": _read_reject,
    "Rendering Failure": _read_rendering_failure,
}
"""Rendering Failure has a space in its name and its payload under `failure`."""


def _object(parent: _Object, name: str) -> _Object:
    part = parent.get(name)
    if not isinstance(part, dict):
        raise UnreadableEventError(f"lacks {name}, or it is not an object")
    return part


def _list(parent: _Object, name: str) -> list[Any]:
    part = parent.get(name)
    return part if isinstance(part, list) else []


def _text(parent: _Object, name: str) -> str:
    part = parent.get(name)
    return part if isinstance(part, str) else ""


def _tag(tags: _Object, name: str) -> str:
    match tags[name]:
        case [str() as value]:
            return value
    raise UnreadableEventError(f"has a tag {name} that is not a list of one text")


def _exact(value: object, shape: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not shape.fullmatch(value):
        raise UnreadableEventError(f"lacks {what}, or it has not the shape {shape.pattern}")
    return value


def _correlation_id(tags: _Object) -> str:
    match tags.get("correlation_id"):
        case [str() as value] if CORRELATION_ID.fullmatch(value):
            return value
    return ""


def _detail(**parts: object) -> dict[str, str]:
    """Text for people: in one line, and such as every store and terminal takes."""
    cleaned = {name: _cleaned(part) for name, part in parts.items() if isinstance(part, str)}
    return {name: text for name, text in cleaned.items() if text}


def _cleaned(text: str) -> str:
    cut = text[:DETAIL_LENGTH]
    return "".join(one if one.isprintable() else " " for one in cut).strip()


def _moment(value: object, now: datetime) -> tuple[datetime, str]:
    """When something happened, at the latest now; and that time as a text that each copy of the event has."""
    text = value if isinstance(value, str) else ""
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return now, text
    return min(moment, now), iso(moment)
