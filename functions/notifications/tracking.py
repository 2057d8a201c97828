"""The use case of `track_delivery`: from an SES event to the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from notifications import ledger, ses_events
from notifications.keys import NotificationKey
from notifications.ledger import SesEvent, Status, Verdict
from notifications.ses_events import ForeignEventError, TrackedEvent, UnreadableEventError
from notifications.times import epoch_ms, iso

UNDELIVERED = frozenset({Status.SOFT_BOUNCED, Status.BOUNCED, Status.REJECTED, Status.SUPPRESSED})
"""The ends of an email that was accepted and not delivered."""


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
    """

    outcome: EventOutcome
    event: TrackedEvent | None = None
    status: Status | None = None
    detail: str = ""

    @property
    def delivered(self) -> int | None:
        """1 if the email was delivered, 0 if it has come to another end by this event, None if to none.

        A synthetic one counts apart.
        """
        if self._is_synthetic:
            return None
        if self._news and self._news.kind == "Delivery":
            return 1
        return 0 if self.status in UNDELIVERED else None

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

    def advance_feedback_path(self, sent_at_ms: int, now_ms: int, settle_window_ms: int) -> None: ...  # noqa: D102


class DeadLetters(Protocol):
    """Where a message goes that can't be handled."""

    def put(self, body: str, field: str, reason: str, email_type: str) -> None: ...  # noqa: D102


class TrackDelivery:
    """Handles one event at a time; may be called from several threads at once."""

    def __init__(
        self, store: Ledger, dead_letters: DeadLetters, settle_window_ms: int, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._dead_letters = dead_letters
        self._settle_window_ms = settle_window_ms
        self._now = now

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
            case ledger.EventRecorded(status):
                return Tracked(EventOutcome.RECORDED, event, status)
            case ledger.EventRepeated():
                return Tracked(EventOutcome.REPEATED, event)
            case _:
                return Tracked(EventOutcome.ORPHAN, event)

    def note_arrivals(self, done: list[Tracked]) -> None:
        """Note that the feedback path is alive, by the `Send` events of a batch that were recorded.

        The oldest of them is noted too: if it is late, the path has only just recovered.
        """
        sent_at = [
            done_one.event.sent_at_ms
            for done_one in done
            if done_one.event and done_one.event.kind == "Send" and done_one.outcome is EventOutcome.RECORDED
        ]
        for moment in sorted({min(sent_at), max(sent_at)}) if sent_at else []:
            self._store.advance_feedback_path(moment, epoch_ms(self._now()), self._settle_window_ms)
