"""The use case of `track_delivery`: from an SES event to the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from notifications import ledger, ses_events
from notifications.failures import LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger import SesEvent, Status, Verdict
from notifications.ledger_table import Attribute, heard_marker
from notifications.ses_events import ForeignEventError, TrackedEvent, UnreadableEventError
from notifications.times import iso

HEARD_PARTS = 10
"""So many markers in a settle window are enough to show that events arrive."""

HEARD_LIFE = timedelta(days=8)
"""Longer than the maximum event age: an attempt of an older order is not made again without a person."""


class EventOutcome(StrEnum):
    """What became of an event, as logs and metrics call it."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    ORPHAN = "orphan"
    FOREIGN = "foreign"
    REFUSED = "refused_event"


@dataclass(frozen=True)
class Tracked:
    """An event that was dealt with.

    Parameters
    ----------
    event
        None if it is not about one of our emails.
    status
        What the notification became by it, if that changed.
    duplicate
        Whether it is the first to show that SES has accepted a second message of the notification.
    """

    outcome: EventOutcome
    event: TrackedEvent | None = None
    status: Status | None = None
    detail: str = ""
    duplicate: bool = False

    @property
    def delivered(self) -> int | None:
        """1 if the email was delivered, 0 if it has come to another end by this event, None if to none.

        A synthetic one counts apart.
        """
        if self._is_synthetic:
            return None
        if self._news and self._news.kind == "Delivery":
            return 1
        return 0 if self.status and self.status.is_undelivered else None

    @property
    def probes_delivered(self) -> int | None:
        """1 if the email was a probe's and was delivered."""
        return 1 if self._news and self._news.probe and self._news.kind == "Delivery" else None

    @property
    def hard_bounces(self) -> int | None:
        """1 if SES counts the event as a hard bounce, 0 if it suppressed the email without counting it."""
        if self._is_synthetic:
            return None
        if self._news and self._news.counts_as_hard_bounce:
            return 1
        return 0 if self.status is Status.SUPPRESSED else None

    @property
    def complaints(self) -> int | None:
        """1 if SES counts the event as a complaint."""
        return 1 if self._news and self._news.counts_as_complaint and not self._is_synthetic else None

    @property
    def _is_synthetic(self) -> bool:
        return bool(self.event and self.event.synthetic)

    @property
    def _news(self) -> TrackedEvent | None:
        """The event if it was recorded, and for the first time."""
        return self.event if self.outcome is EventOutcome.RECORDED else None


class Ledger(Protocol):
    """What the use case needs of the ledger."""

    def record_event(self, key: NotificationKey, event: SesEvent) -> Verdict: ...  # noqa: D102

    def mark(self, marker: Mapping[str, Attribute]) -> None: ...  # noqa: D102


class DeadLetters(Protocol):
    """Where a message goes that can't be handled."""

    def put(self, body: str, field: str, reason: str, email_type: str) -> None: ...  # noqa: D102


class TrackDelivery:
    """Handles one event at a time; may be called from several threads at once.

    Parameters
    ----------
    settle_window_ms
        If given, markers show that events of that time have come: where attempts without an answer may be
        made again on such evidence.
    """

    def __init__(
        self,
        store: Ledger,
        dead_letters: DeadLetters,
        settle_window_ms: int | None,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._settle_window_ms = settle_window_ms
        self._now = now
        self._heard_bucket: int | None = None

    def handle(self, body: str) -> Tracked:
        """Record one event. What is no event goes to the dead-letter queue with its reason."""
        try:
            event = ses_events.read(body, iso(self._now()))
        except ForeignEventError as error:
            return Tracked(EventOutcome.FOREIGN, detail=str(error))
        except UnreadableEventError as error:
            self._dead_letters.put(body, "(body)", str(error), "unknown")
            return Tracked(EventOutcome.REFUSED, detail=str(error))
        match self._store.record_event(event.key, event.event):
            case ledger.EventRecorded(status, duplicate):
                detail = self._note_heard(event)
                return Tracked(EventOutcome.RECORDED, event, status, detail, duplicate)
            case ledger.EventRepeated():
                return Tracked(EventOutcome.REPEATED, event)
            case _:
                return Tracked(EventOutcome.ORPHAN, event)

    def _note_heard(self, event: TrackedEvent) -> str:
        """Mark that the `Send` event of an email accepted then has come; what kept that from being noted.

        Other events may come long after, over a path that had lost those of its time. A marker that is
        missing only leaves more to a person.
        """
        if self._settle_window_ms is None or event.kind != "Send":
            return ""
        bucket = event.sent_at_ms * HEARD_PARTS // self._settle_window_ms
        if bucket == self._heard_bucket:
            return ""
        expires_at = int((self._now() + HEARD_LIFE).timestamp())
        try:
            self._store.mark(heard_marker(bucket, event.sent_at_ms, expires_at))
        except LedgerUnavailableError as error:
            return f"not marked as heard: {error.failure.code}"
        self._heard_bucket = bucket
        return ""
