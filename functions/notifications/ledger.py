"""The ledger's rules: what may become of a notification. Pure: no AWS, no clock, no randomness.

A notification's record is a state machine. Each input (`claim`, `accepted`, `released`, `failed`, an SES
event, a person's `Abandonment`) is decided on by a function that takes the record as it is now and answers
either with a verdict, or with a `Write`: changes, the guard under which the same decision holds, and the
verdict that follows when the write is made. A store performs a `Write` as one conditional write; if the guard
does not hold, it decides again on the record as it turned out to be. docs/architecture.md draws the machine;
tests/model enumerate it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from notifications.feedback_path import FeedbackPath

HISTORY_CAPACITY = 20
"""Entries kept of a notification's events. A delivery has two; more than a handful are repeated delays or
complaints. A DynamoDB write costs by the whole item, so that only the ids of further events are kept."""

EVENT_IDS_CAPACITY = 1000
"""Ids kept beyond the history; several functions at once may exceed it by one each. What comes after that can
still move the status up, and is a repeat otherwise."""


class Status(StrEnum):
    """Where a notification stands."""

    READY = "READY"
    SENDING = "SENDING"
    FAILED = "FAILED"
    ABANDONED = "ABANDONED"
    SENT = "SENT"
    DELAYED = "DELAYED"
    SOFT_BOUNCED = "SOFT_BOUNCED"
    DELIVERED = "DELIVERED"
    REJECTED = "REJECTED"
    BOUNCED = "BOUNCED"
    SUPPRESSED = "SUPPRESSED"
    COMPLAINED = "COMPLAINED"

    @property
    def rank(self) -> int:
        """Events only ever move a notification to a status of a higher rank."""
        return _RANK[self]


_RANK = {
    Status.READY: 0,
    Status.SENDING: 1,
    Status.FAILED: 2,
    Status.ABANDONED: 2,
    Status.SENT: 3,
    Status.DELAYED: 4,
    Status.SOFT_BOUNCED: 5,
    Status.DELIVERED: 6,
    Status.REJECTED: 7,
    Status.BOUNCED: 7,
    Status.SUPPRESSED: 7,
    Status.COMPLAINED: 8,
}

NOT_ACCEPTED = frozenset({Status.READY, Status.SENDING, Status.FAILED, Status.ABANDONED})
"""Statuses in which nothing shows that SES has the message."""


@dataclass(frozen=True)
class Record:
    """What the decisions need to know of a ledger item."""

    status: Status
    attempt: int = 1
    token: str = ""
    send_by_ms: int = 0
    fingerprint: str = ""
    history: frozenset[str] = frozenset()
    event_ids: frozenset[str] = frozenset()

    def has_event(self, event_id: str) -> bool:
        """Whether the event was recorded, as far as ids are kept."""
        return event_id in self.history or event_id in self.event_ids


Value: TypeAlias = str | int | Mapping[str, str | int]


@dataclass(frozen=True)
class Guard:
    """Which records a `Write` may be made onto.

    Parameters
    ----------
    absent
        There must be no record; the other fields say nothing then.
    statuses, attempt, token
        What the record must have; None means anything.
    history_lacks
        Id of an event that must be neither in the history nor among those beyond it.
    history_below
        The history must have fewer entries than this.
    """

    absent: bool = False
    statuses: frozenset[Status] | None = None
    attempt: int | None = None
    token: str | None = None
    history_lacks: str | None = None
    history_below: int | None = None

    def holds(self, record: Record | None) -> bool:
        """Whether the guard lets a write onto this record."""
        if record is None or self.absent:
            return record is None and self.absent
        return (
            (self.statuses is None or record.status in self.statuses)
            and (self.attempt is None or record.attempt == self.attempt)
            and (self.token is None or record.token == self.token)
            and (self.history_lacks is None or not record.has_event(self.history_lacks))
            and (self.history_below is None or len(record.history) < self.history_below)
        )


@dataclass(frozen=True)
class Changes:
    """Changes of a ledger item.

    Parameters
    ----------
    attributes
        Set.
    increments
        Added to numbers.
    history_id, history_entry
        Added to the history.
    members
        Added to sets of texts.
    """

    attributes: Mapping[str, Value] = field(default_factory=dict)
    increments: Mapping[str, int] = field(default_factory=dict)
    history_id: str | None = None
    history_entry: Mapping[str, str | int] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Claimed:
    """This worker, and no other, may now call SES for this attempt."""

    attempt: int
    token: str
    resend: bool = False


@dataclass(frozen=True)
class AlreadyHandled:
    """Nothing is to be sent: SES has it, or refused it for good."""

    status: Status
    same_content: bool


@dataclass(frozen=True)
class Abandoned:
    """Nothing will be sent: a person has given the notification up."""


@dataclass(frozen=True)
class InFlight:
    """An attempt is, or may be, under way. Look again at `look_again_ms`."""

    look_again_ms: int


@dataclass(frozen=True)
class FeedbackUnproven:
    """The outcome of an attempt is unknown, and silence proves nothing until feedback is known to arrive."""

    record: Record


@dataclass(frozen=True)
class Recorded:
    """The worker's result is in the ledger."""

    status: Status


@dataclass(frozen=True)
class Superseded:
    """An event of the same notification was recorded first; it knows better than the worker."""


@dataclass(frozen=True)
class EventRecorded:
    """The event is in the ledger; `status` is what the notification has become by it, if it changed."""

    status: Status | None


@dataclass(frozen=True)
class EventRepeated:
    """The event was there already."""


@dataclass(frozen=True)
class Orphan:
    """There is no such notification: it has expired, was erased, or is not ours."""


Verdict: TypeAlias = (
    Claimed
    | AlreadyHandled
    | Abandoned
    | InFlight
    | FeedbackUnproven
    | Recorded
    | Superseded
    | EventRecorded
    | EventRepeated
    | Orphan
)


@dataclass(frozen=True)
class Write:
    """Make `changes` if `guard` holds; then the verdict is `verdict`."""

    guard: Guard
    changes: Changes
    verdict: Verdict


Decide: TypeAlias = Callable[[Record | None], Write | Verdict]


@dataclass(frozen=True)
class Claim:
    """A worker's wish to send.

    Parameters
    ----------
    now_ms, send_by_ms
        Epoch milliseconds. After `send_by_ms` the worker will not have a call to SES under way.
    token
        Random, new for each claim: tells an own claim, whose answer was lost, from another's.
    fingerprint
        Of the content, to notice the same identity with other content.
    settle_window_ms
        How long after `send_by_ms` an attempt of unknown outcome is waited for.
    feedback
        What is known of the path on which events arrive, if it was looked at.
    attributes
        What a new record is to hold besides.
    """

    now_ms: int
    at: str
    send_by_ms: int
    token: str
    fingerprint: str
    settle_window_ms: int
    attributes: Mapping[str, Value] = field(default_factory=dict)
    feedback: FeedbackPath | None = None

    def decide(self, record: Record | None) -> Write | Verdict:
        """May this worker send?"""
        if record is None:
            return self._write(Guard(absent=True), 1, new=True)
        same_content = record.fingerprint == self.fingerprint
        if record.status is Status.READY:
            return self._write(
                Guard(statuses=frozenset({Status.READY}), attempt=record.attempt), record.attempt + 1
            )
        if record.status is not Status.SENDING:
            return AlreadyHandled(record.status, same_content)
        if record.token == self.token:
            return Claimed(record.attempt, self.token)
        if self.now_ms <= record.send_by_ms:
            return InFlight(record.send_by_ms)
        settled_ms = record.send_by_ms + self.settle_window_ms
        if self.now_ms <= settled_ms:
            return InFlight(settled_ms)
        if self.feedback is None or not self.feedback.was_alive_after(
            record.send_by_ms, self.settle_window_ms
        ):
            return FeedbackUnproven(record)
        never_made = Guard(statuses=frozenset({Status.SENDING}), attempt=record.attempt, token=record.token)
        return self._write(never_made, record.attempt + 1, resend=True)

    def _write(self, guard: Guard, attempt: int, *, new: bool = False, resend: bool = False) -> Write:
        attributes: dict[str, Value] = {
            "status": Status.SENDING,
            "attempt": attempt,
            "token": self.token,
            "send_by_ms": self.send_by_ms,
            "updated_at": self.at,
        }
        if new:
            attributes |= {
                "fingerprint": self.fingerprint,
                "created_at": self.at,
                "history": {},
                "resends": 0,
            }
            attributes |= self.attributes
        changes = Changes(attributes, {"resends": 1} if resend else {})
        return Write(guard, changes, Claimed(attempt, self.token, resend))


@dataclass(frozen=True)
class AttemptResult:
    """What a worker reports of its own attempt. Never overwrites what an event has said in the meantime."""

    attempt: int
    token: str
    status: Status
    at: str
    attributes: Mapping[str, Value] = field(default_factory=dict)

    def decide(self, record: Record | None) -> Write | Verdict:
        """May this result still be recorded?"""
        mine = Guard(statuses=frozenset({Status.SENDING}), attempt=self.attempt, token=self.token)
        if not mine.holds(record):
            return Recorded(self.status) if record and self._is_there(record) else Superseded()
        attributes = {**self.attributes, "status": self.status, "updated_at": self.at}
        return Write(mine, Changes(attributes), Recorded(self.status))

    def _is_there(self, record: Record) -> bool:
        return (record.status, record.attempt, record.token) == (self.status, self.attempt, self.token)


def accepted(claimed: Claimed, message_id: str, at: str) -> AttemptResult:
    """SES answered with a message id."""
    return AttemptResult(
        claimed.attempt, claimed.token, Status.SENT, at, {"message_id": message_id, "sent_at": at}
    )


def released(claimed: Claimed, reason: str, at: str) -> AttemptResult:
    """SES certainly did not take the message, and may later."""
    return AttemptResult(claimed.attempt, claimed.token, Status.READY, at, {"reason": reason})


def failed(claimed: Claimed, reason: str, at: str) -> AttemptResult:
    """SES refused the message for good."""
    return AttemptResult(claimed.attempt, claimed.token, Status.FAILED, at, {"reason": reason})


@dataclass(frozen=True)
class Abandonment:
    """A person's decision that a notification is not to be sent any more.

    Final for workers: whatever copy of the order event comes later is a duplicate. An event of an earlier
    attempt still moves the status up, since an email that was sent after all must show. Silence need not be
    proven to mean something, as for another attempt: nothing is sent by this.

    Parameters
    ----------
    now_ms
        Epoch milliseconds.
    settle_window_ms
        How long after its `send_by_ms` an attempt of unknown outcome is waited for, as in `Claim`.
    attributes
        What a new record is to hold besides.
    """

    now_ms: int
    at: str
    reason: str
    fingerprint: str
    settle_window_ms: int
    attributes: Mapping[str, Value] = field(default_factory=dict)

    def decide(self, record: Record | None) -> Write | Verdict:
        """May it be given up?"""
        if record is None:
            return self._write(Guard(absent=True), self._new_record())
        if record.status not in (Status.READY, Status.SENDING):
            return AlreadyHandled(record.status, record.fingerprint == self.fingerprint)
        settled_ms = record.send_by_ms + self.settle_window_ms
        if record.status is Status.SENDING and self.now_ms <= settled_ms:
            return InFlight(settled_ms)
        as_read = Guard(statuses=frozenset({record.status}), attempt=record.attempt, token=record.token)
        return self._write(as_read, {})

    def _write(self, guard: Guard, new: Mapping[str, Value]) -> Write:
        given_up = {"status": Status.ABANDONED, "reason": self.reason, "updated_at": self.at}
        return Write(guard, Changes({**new, **given_up}), Abandoned())

    def _new_record(self) -> dict[str, Value]:
        """Of no attempt, so that the order's later copies find that it is not to be sent."""
        return {
            **self.attributes,
            "attempt": 0,
            "token": "",
            "send_by_ms": 0,
            "fingerprint": self.fingerprint,
            "created_at": self.at,
            "history": {},
            "resends": 0,
        }


@dataclass(frozen=True)
class SesEvent:
    """An event that SES published about an attempt.

    Parameters
    ----------
    id
        The same for each copy of the same event, and for no other.
    status
        What the event says of the notification; SENT for events that only show that SES has the message.
    entry
        What the history keeps of it.
    """

    id: str
    status: Status
    message_id: str
    at: str
    sent_at: str
    entry: Mapping[str, str | int]

    def decide(self, record: Record | None) -> Write | Verdict:
        """What does the event change?"""
        if record is None:
            return Orphan()
        if record.has_event(self.id):
            return EventRepeated()
        full = len(record.history) >= HISTORY_CAPACITY
        forgotten = full and len(record.event_ids) >= EVENT_IDS_CAPACITY
        attributes: dict[str, Value] = {}
        if record.status in NOT_ACCEPTED:
            statuses = NOT_ACCEPTED
            attributes = {"status": self.status, "message_id": self.message_id, "sent_at": self.sent_at}
        elif record.status.rank < self.status.rank:
            statuses = frozenset(s for s in Status if s not in NOT_ACCEPTED and s.rank < self.status.rank)
            attributes = {"status": self.status}
        elif forgotten:
            return EventRepeated()
        else:
            statuses = frozenset(s for s in Status if s not in NOT_ACCEPTED and s.rank >= self.status.rank)
        guard = Guard(
            statuses=statuses, history_lacks=self.id, history_below=None if full else HISTORY_CAPACITY
        )
        changes = Changes(
            {**attributes, "updated_at": self.at},
            history_id=None if full else self.id,
            history_entry=self.entry,
            members={"event_ids": self.id} if full and not forgotten else {},
        )
        return Write(guard, changes, EventRecorded(self.status if attributes else None))

    @property
    def expects(self) -> Record:
        """The record that most events of this kind find: decided on first, so that one write is enough."""
        return Record(Status.SENT)
