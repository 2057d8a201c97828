"""What would become of a dead letter, by the newest code: the very functions that run in Lambda judge it.

Pure: no AWS, no terminal; the ledger is asked by a function that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from notifications import ses_events
from notifications.email_types import EmailTypes
from notifications.keys import NotificationKey
from notifications.ledger import (
    Abandonment,
    AlreadyHandled,
    Claim,
    Claimed,
    InFlight,
    Mismatch,
    Status,
    TooOld,
    Undecided,
    Verdict,
    Write,
)
from notifications.ledger_table import discarded_marker
from notifications.order_event import InvalidOrderEventError, Notification, parse
from notifications.rendering import Renderer, RenderingError
from notifications.sending import key_of, record_attributes
from notifications.ses_events import ForeignEventError, TrackedEvent, UnreadableEventError
from notifications.settings import SendSettings
from notifications.times import epoch_ms, iso
from ops.dead_letters.judgement import Fate, FindRecord, Judgement
from ops.dead_letters.messages import Message

MARKER_LIFE = timedelta(days=60)
"""So long the ledger says that an event was discarded which nobody could read: as long as an order can wait
in queues and redrives, which is also the shortest time that records are kept."""


@dataclass(frozen=True)
class ReadOrder:
    """What the newest code makes of an order event.

    Parameters
    ----------
    notification
        None if it cannot be read.
    refusal
        Field and reason if no email can be made of it.
    """

    notification: Notification | None = None
    refusal: str | None = None


class OrderReader:
    """Reads order events as `send_email` does."""

    def __init__(self) -> None:
        self._types = EmailTypes()
        self._renderer = Renderer()

    def read(self, body: str, now: datetime) -> ReadOrder:
        """Read and render one."""
        try:
            notification = parse(body, now, self._types)
        except InvalidOrderEventError as error:
            return ReadOrder(refusal=f"{error.field} {error.reason}")
        try:
            self._renderer.render(notification)
        except RenderingError as error:
            return ReadOrder(notification, f"(email) {error}")
        return ReadOrder(notification)


@dataclass(frozen=True)
class OrderRedrive:
    """Judges order events that are to be redriven."""

    orders: OrderReader
    settings: SendSettings
    find: FindRecord
    now: Callable[[], datetime]

    def __call__(self, message: Message) -> Judgement:
        """What the send function would do with it."""
        order = self.orders.read(message.body, self.now())
        notification = order.notification
        if notification is None:
            return Judgement(Fate.LEAVE, f"would be refused again: {order.refusal}")
        key = key_of(notification, notification.resend_id)
        record = self.find(key)
        status = record.status if record else None
        if order.refusal:
            return Judgement(Fate.LEAVE, f"would be refused again: {order.refusal}", key, status)
        step = self._claim(notification, key).decide(record)
        fate, text = self._told(step.verdict if isinstance(step, Write) else step, notification)
        return Judgement(fate, text, key, status)

    def _claim(self, notification: Notification, key: NotificationKey) -> Claim:
        """The claim that a worker would make."""
        now = self.now()
        return Claim(
            now_ms=epoch_ms(now),
            at=iso(now),
            send_by_ms=epoch_ms(now),
            token="nobody's",  # noqa: S106
            fingerprint=notification.fingerprint,
            rules=self.settings.settling,
            open_shard=key.open_shard,
            too_old=now - notification.occurred_at > timedelta(hours=self.settings.maximum_event_age_hours),
        )

    def _told(self, verdict: Verdict, notification: Notification) -> tuple[Fate, str]:
        match verdict:
            case Claimed(resend=True):
                return Fate.REDRIVE, "will be sent again, as somebody has decided"
            case Claimed():
                return Fate.REDRIVE, "will be sent"
            case TooOld():
                hours = self.settings.maximum_event_age_hours
                return Fate.LEAVE, f"too old: {notification.occurred_at_field} is more than {hours} h ago"
            case AlreadyHandled(status):
                return Fate.DELETE, f"{_ended(status)}: skipped, deleted as done"
            case Mismatch(status):
                text = "but with other content: nothing would be sent; look at it, then discard it"
                return Fate.LEAVE, f"{_ended(status)}, {text}"
            case Undecided():
                return Fate.LEAVE, f"waits for a person's decision: `notify settle {notification.order_id}`"
        return Fate.REDRIVE, "will be sent, unless SES has it: the outcome of an attempt is not known yet"


def _ended(status: Status) -> str:
    if status is Status.SENDING:
        return f"may have been sent ({status})"
    return f"already sent ({status})" if status.is_accepted else f"ended before, unsent ({status})"


@dataclass(frozen=True)
class FeedbackRedrive:
    """Judges SES events that are to be redriven."""

    find: FindRecord
    now: Callable[[], datetime]

    def __call__(self, message: Message) -> Judgement:
        """What the tracking function would do with it."""
        event, problem = read_event(message.body, self.now())
        if event is None:
            return Judgement(Fate.LEAVE, problem)
        record = self.find(event.key)
        if record is None:
            text = "an orphan: there is no such notification (any more), nothing would be recorded"
            return Judgement(Fate.LEAVE, text, event.key)
        if record.has_event(event.event.id):
            text = "recorded already: skipped, deleted as done"
            return Judgement(Fate.DELETE, text, event.key, record.status)
        return Judgement(Fate.REDRIVE, "will be recorded", event.key, record.status)


def read_event(body: str, now: datetime) -> tuple[TrackedEvent | None, str]:
    """Read an SES event as `track_delivery` does; else what is wrong with it."""
    try:
        return ses_events.read(body, iso(now)), ""
    except ForeignEventError as error:
        return None, f"not about one of our emails: {error}"
    except UnreadableEventError as error:
        return None, f"would be refused again: {error}"


@dataclass(frozen=True)
class OrderDiscard:
    """Judges order events that are to be discarded.

    Parameters
    ----------
    reason
        Why they are; becomes part of the record.
    """

    orders: OrderReader
    settings: SendSettings
    find: FindRecord
    now: Callable[[], datetime]
    reason: str

    def __call__(self, message: Message) -> Judgement:
        """Whether its notification can be given up, and what becomes of the message."""
        given_up = self._abandonment(message)
        if given_up is None:
            return Judgement(
                Fate.DELETE, "cannot be read, so it has no record: deleted, noted in the audit trail"
            )
        key, abandonment = given_up
        record = self.find(key)
        status = record.status if record else None
        match abandonment.decide(record):
            case InFlight(look_again_ms):
                until = iso(datetime.fromtimestamp(look_again_ms / 1000, UTC))
                text = f"left: an attempt may be under way, or an event about it, until {until}"
                return Judgement(Fate.LEAVE, text, key, status)
            case AlreadyHandled():
                return Judgement(
                    Fate.DELETE, f"the record stays {status}: only the message is deleted", key, status
                )
        text = "will be marked ABANDONED and deleted: no later copy of the order is sent"
        return Judgement(Fate.ABANDON, text, key, status, abandonment)

    def _abandonment(self, message: Message) -> tuple[NotificationKey, Abandonment] | None:
        """How its notification is given up; None if the message does not tell which that is."""
        now = self.now()
        notification = self.orders.read(message.body, now).notification
        if notification is None:
            return None
        expires_at = now + timedelta(days=self.settings.record_retention_days)
        return key_of(notification, notification.resend_id), Abandonment(
            now_ms=epoch_ms(now),
            at=iso(now),
            reason=self.reason,
            fingerprint=notification.fingerprint,
            settle_window_ms=self.settings.settle_window_seconds * 1000,
            attributes=record_attributes(
                notification,
                message.correlation_id,
                self.settings.recipient_hash_key,
                expires_at,
            ),
        )


@dataclass(frozen=True)
class FeedbackDiscard:
    """Judges SES events that are to be discarded: what can be recorded is, before they are deleted."""

    find: FindRecord
    now: Callable[[], datetime]

    def __call__(self, message: Message) -> Judgement:
        """What is recorded of it, or lost with it."""
        now = self.now()
        try:
            event = ses_events.read(message.body, iso(now))
        except ForeignEventError as error:
            return Judgement(Fate.DELETE, f"deleted: not about one of our emails: {error}")
        except UnreadableEventError as error:
            text = (
                f"deleted: {error}. It may be about any email: none of around then that SES answered with an "
                "error is sent again by itself"
            )
            expires_at = int((now + MARKER_LIFE).timestamp())
            marker = discarded_marker(message.id, epoch_ms(message.waiting_since), expires_at)
            return Judgement(Fate.DELETE, text, marker=marker)
        record = self.find(event.key)
        if record is None:
            return Judgement(Fate.DELETE, "deleted: there is no such notification (any more)", event.key)
        if record.has_event(event.event.id):
            return Judgement(Fate.DELETE, "deleted: recorded already", event.key, record.status)
        return Judgement(Fate.RECORD, "recorded, then deleted", event.key, record.status, event=event.event)
