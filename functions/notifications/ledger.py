"""The ledger's rules: what may become of a notification. Pure: no AWS, no clock, no randomness.

A notification's record is a state machine. Each input (a worker's `Claim` or `AttemptResult`, a `SesEvent`,
a person's `Settlement` or `Abandonment`) is decided on by a method that takes the record as it is now and
answers either with a verdict, or with a `Write`: changes, the guard under which the same decision holds, and
the verdict that follows when the write is made. A store performs a `Write` as one conditional write; if the
guard does not hold, it decides again on the record as it turned out to be. docs/architecture.md draws the
machine; tests/model enumerate it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from notifications.evidence import Doubt, Evidence, SettlingRules
from notifications.times import iso

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

    @property
    def is_accepted(self) -> bool:
        """Whether it shows that SES has the message."""
        return self.rank >= _RANK[Status.SENT]

    @property
    def is_unsent(self) -> bool:
        """Whether the send queue has yet to bring it to its end."""
        return self in (Status.READY, Status.SENDING)

    @property
    def awaits_outcome(self) -> bool:
        """Whether SES's last word is to come. A soft bounce is one: SES publishes it when it has given up."""
        return self in (Status.SENT, Status.DELAYED)

    @property
    def is_undelivered(self) -> bool:
        """Whether it is the end of an email that was accepted and not delivered."""
        return self in (Status.SOFT_BOUNCED, Status.BOUNCED, Status.REJECTED, Status.SUPPRESSED)


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

ANSWERED_WITH_ERROR = "error"
"""Value of `answer` after SES answered with an error that does not say whether it took the message."""


class Choice(StrEnum):
    """What a person can decide on an attempt in doubt; also the value of `decision`."""

    SENT = "sent"
    SEND_AGAIN = "send_again"
    GIVE_UP = "give_up"


@dataclass(frozen=True)
class Record:
    """What the decisions need to know of a ledger item.

    Parameters
    ----------
    claimed_at_ms, send_by_ms
        When the current attempt was claimed, and from when on no call to SES of it is under way.
    fingerprint
        Of the content that was claimed; empty if it is not known, as after a restore from logs.
    message_id
        Empty if SES is not known to have accepted the message, or not by which id.
    duplicate_message_ids
        `attempt:message_id` of each further message that SES accepted for the same notification.
    answer
        ANSWERED_WITH_ERROR if SES answered the current attempt so.
    first_look_ms
        When the evidence around the current attempt was first found clear.
    decision
        SEND_AGAIN if a person has decided so on the current attempt.
    """

    status: Status
    attempt: int = 1
    token: str = ""
    send_by_ms: int = 0
    fingerprint: str = ""
    history: frozenset[str] = frozenset()
    claimed_at_ms: int = 0
    message_id: str = ""
    duplicate_message_ids: frozenset[str] = frozenset()
    answer: str = ""
    first_look_ms: int | None = None
    decision: str = ""
    event_ids: frozenset[str] = frozenset()

    @property
    def doubt(self) -> Doubt:
        """What is not certain of the current attempt, once its `send_by_ms` has passed."""
        return Doubt.ANSWERED if self.answer == ANSWERED_WITH_ERROR else Doubt.UNANSWERED

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
    message_id
        What the record must have; empty means that it must have none, None means anything.
    duplicates_lack
        What must not be among the ids of duplicates.
    """

    absent: bool = False
    statuses: frozenset[Status] | None = None
    attempt: int | None = None
    token: str | None = None
    history_lacks: str | None = None
    history_below: int | None = None
    message_id: str | None = None
    duplicates_lack: str | None = None

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
            and (self.message_id is None or record.message_id == self.message_id)
            and (self.duplicates_lack is None or self.duplicates_lack not in record.duplicate_message_ids)
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
    removed
        Attributes that are there no more.
    """

    attributes: Mapping[str, Value] = field(default_factory=dict)
    increments: Mapping[str, int] = field(default_factory=dict)
    history_id: str | None = None
    history_entry: Mapping[str, str | int] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()


ENTRY_OF_OPEN_ATTEMPT = ("open_shard",)
"""What puts a record into the index of open attempts: from a claim to the attempt's own first event, its
release, its failure or a person's decision."""

OF_ONE_ATTEMPT = ("answer", "first_look_ms", "decision", "decided_by", "decided_at", "decision_reason")
"""What a record says of its current attempt alone."""


@dataclass(frozen=True)
class Claimed:
    """This worker, and no other, may now call SES for this attempt."""

    attempt: int
    token: str
    resend: bool = False


@dataclass(frozen=True)
class AlreadyHandled:
    """Nothing is to be sent: SES has it or refused it for good, or a person has given it up."""

    status: Status


@dataclass(frozen=True)
class Mismatch:
    """Nothing is to be sent although the content is another: SES has the notification, or may have it."""

    status: Status


@dataclass(frozen=True)
class TooOld:
    """Nothing has been sent, and it is too late for it."""


@dataclass(frozen=True)
class InFlight:
    """An attempt is, or may be, under way, or its event. Look again at `look_again_ms`."""

    look_again_ms: int


@dataclass(frozen=True)
class NeedsEvidence:
    """The attempt may be made again if nothing around it speaks against that."""

    record: Record


@dataclass(frozen=True)
class LookAgain:
    """Nothing speaks against another attempt, and nothing may at `look_again_ms` either."""

    look_again_ms: int


@dataclass(frozen=True)
class Undecided:
    """Nobody knows whether SES has the message. An event settles it; else a person has to.

    Parameters
    ----------
    reason
        Why no other attempt is made.
    due_ms
        From when on it waits for a person.
    """

    doubt: Doubt
    reason: str
    due_ms: int


@dataclass(frozen=True)
class Recorded:
    """The worker's result is in the ledger."""

    status: Status


@dataclass(frozen=True)
class Superseded:
    """An event of the same notification was recorded first; it knows better than the worker.

    Parameters
    ----------
    duplicate
        Whether the result is the first to show that SES has accepted a second message.
    """

    duplicate: bool = False


@dataclass(frozen=True)
class Abandoned:
    """Nothing will be sent: a person has given the notification up."""


@dataclass(frozen=True)
class Settled:
    """What a person has decided on the attempt is in the ledger."""


@dataclass(frozen=True)
class NotAsShown:
    """The attempt that a person has decided on is not the current one any more, or not in doubt any more."""

    status: Status | None


@dataclass(frozen=True)
class EventRecorded:
    """The event is in the ledger.

    Parameters
    ----------
    status
        What the notification has become by it, if that changed.
    duplicate
        Whether it is the first to show that SES has accepted a second message.
    """

    status: Status | None
    duplicate: bool = False


@dataclass(frozen=True)
class EventRepeated:
    """The event was there already."""


@dataclass(frozen=True)
class Orphan:
    """There is no such notification: it has expired, was erased, or is not ours."""


Verdict: TypeAlias = (
    Claimed
    | AlreadyHandled
    | Mismatch
    | TooOld
    | InFlight
    | NeedsEvidence
    | LookAgain
    | Undecided
    | Recorded
    | Superseded
    | Abandoned
    | Settled
    | NotAsShown
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


def _as_read(record: Record) -> Guard:
    """The record must still stand as it did when it was decided on."""
    return Guard(statuses=frozenset({record.status}), attempt=record.attempt, token=record.token)


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
    open_shard
        Where the index of open attempts keeps the attempt.
    attributes
        What else the record is to say of what is claimed.
    too_old
        Whether the order is older than the maximum event age: then only a person's decision makes an attempt.
    evidence
        What was found around the attempt in doubt, if it was looked for.
    """

    now_ms: int
    at: str
    send_by_ms: int
    token: str
    fingerprint: str
    rules: SettlingRules
    open_shard: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    too_old: bool = False
    evidence: Evidence | None = None

    def decide(self, record: Record | None) -> Write | Verdict:
        """May this worker send?"""
        if record is None:
            return TooOld() if self.too_old else self._take(Guard(absent=True), 1)
        same_content = record.fingerprint in ("", self.fingerprint)
        match record.status:
            case Status.SENDING:
                return self._decide_on_attempt(record, same_content=same_content)
            case Status.READY:
                return TooOld() if self.too_old else self._take_over(record)
            case Status.FAILED if not same_content:
                return TooOld() if self.too_old else self._take_over(record)
            case status if status is Status.ABANDONED or same_content:
                return AlreadyHandled(status)
        return self._mismatch(record)

    def _decide_on_attempt(self, record: Record, *, same_content: bool) -> Write | Verdict:
        if record.token == self.token:
            return Claimed(record.attempt, self.token)
        if self.now_ms <= record.send_by_ms:
            return InFlight(record.send_by_ms)
        if record.decision == Choice.SEND_AGAIN:
            return self._take_over(record, resend=True)
        if not same_content:
            return self._mismatch(record)
        settled_ms = record.send_by_ms + self.rules.settle_window_ms
        if self.now_ms <= settled_ms:
            return InFlight(settled_ms)
        if not self.rules.resend_after_silence.allows(record.doubt):
            return self._undecided(record, "made again by a person's decision only")
        if self.too_old:
            return self._undecided(record, "the order is older than the maximum event age")
        if self.evidence is None or self.evidence.token != record.token:
            return NeedsEvidence(record)
        return self._decide_by_evidence(record, self.evidence)

    def _decide_by_evidence(self, record: Record, evidence: Evidence) -> Write | Verdict:
        against = evidence.speaks_against(record.doubt, record.claimed_at_ms, self.rules.settle_window_ms)
        if against:
            undecided = self._undecided(record, against)
            if record.first_look_ms is None:
                return undecided
            return Write(_as_read(record), Changes(removed=("first_look_ms",)), undecided)
        if record.first_look_ms is None:
            look_again = LookAgain(self.now_ms + self.rules.second_look_after_ms)
            return Write(_as_read(record), Changes({"first_look_ms": self.now_ms}), look_again)
        second_look_ms = record.first_look_ms + self.rules.second_look_after_ms
        if self.now_ms < second_look_ms:
            return LookAgain(second_look_ms)
        return self._take_over(record, resend=True)

    def _undecided(self, record: Record, reason: str) -> Undecided:
        return Undecided(record.doubt, reason, self.rules.due_ms(record.send_by_ms))

    def _mismatch(self, record: Record) -> Write:
        counted = Changes({"mismatch_at": self.at}, {"mismatches": 1})
        return Write(_as_read(record), counted, Mismatch(record.status))

    def _take_over(self, record: Record, *, resend: bool = False) -> Write:
        return self._take(_as_read(record), record.attempt + 1, resend=resend)

    def _take(self, guard: Guard, attempt: int, *, resend: bool = False) -> Write:
        """What is claimed is what is recorded: each claim writes whose email it is, and of which content."""
        attributes: dict[str, Value] = {
            **self.attributes,
            "status": Status.SENDING,
            "attempt": attempt,
            "token": self.token,
            "claimed_at_ms": self.now_ms,
            "send_by_ms": self.send_by_ms,
            "open_shard": self.open_shard,
            "fingerprint": self.fingerprint,
            "updated_at": self.at,
        }
        if guard.absent:
            attributes |= {"created_at": self.at, "history": {}, "resends": 0}
        changes = Changes(
            attributes,
            {"resends": 1} if resend else {},
            removed=() if guard.absent else OF_ONE_ATTEMPT,
        )
        return Write(guard, changes, Claimed(attempt, self.token, resend))


@dataclass(frozen=True)
class AttemptResult:
    """What a worker reports of its own attempt. Never overwrites what an event has said in the meantime."""

    attempt: int
    token: str
    status: Status
    at: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    message_id: str = ""

    def decide(self, record: Record | None) -> Write | Verdict:
        """May this result still be recorded?"""
        mine = Guard(statuses=frozenset({Status.SENDING}), attempt=self.attempt, token=self.token)
        if not mine.holds(record):
            return self._decide_late(record) if record else Superseded()
        attributes: dict[str, Value] = {**self.attributes, "status": self.status, "updated_at": self.at}
        if self.message_id:
            attributes["message_id"] = self.message_id
        is_over = self.status in (Status.READY, Status.FAILED)
        removed = ENTRY_OF_OPEN_ATTEMPT if is_over else ()
        return Write(mine, Changes(attributes, removed=removed), Recorded(self.status))

    def _decide_late(self, record: Record) -> Write | Verdict:
        is_current = (record.attempt, record.token) == (self.attempt, self.token)
        if is_current and (record.status, record.message_id) == (self.status, self.message_id):
            return Recorded(self.status)
        if self.message_id:
            duplicate = _duplicate(record, self.attempt, self.message_id)
            if duplicate is None:
                return Superseded()
            guard = Guard(message_id=record.message_id, duplicates_lack=duplicate)
            changes = Changes(members={"duplicate_message_ids": duplicate})
            return Write(guard, changes, Superseded(duplicate=True))
        if is_current and record.status.is_accepted:
            # An event of an earlier attempt came in between. No event of this one is to be waited for.
            guard = Guard(attempt=self.attempt, token=self.token)
            return Write(guard, Changes(removed=ENTRY_OF_OPEN_ATTEMPT), Superseded())
        return Superseded()


def _duplicate(record: Record, attempt: int, message_id: str) -> str | None:
    """How a message is listed that is a further one of the notification; None if it is not, or is listed."""
    duplicate = f"{attempt}:{message_id}"
    is_further = message_id and record.message_id not in ("", message_id)
    if not is_further or duplicate in record.duplicate_message_ids:
        return None
    return duplicate


def accepted(claimed: Claimed, message_id: str, at: str) -> AttemptResult:
    """SES answered with a message id."""
    return AttemptResult(claimed.attempt, claimed.token, Status.SENT, at, {"sent_at": at}, message_id)


def released(claimed: Claimed, reason: str, at: str) -> AttemptResult:
    """SES certainly did not take the message, and may later."""
    return AttemptResult(claimed.attempt, claimed.token, Status.READY, at, {"reason": reason})


def failed(claimed: Claimed, reason: str, at: str) -> AttemptResult:
    """SES refused the message for good."""
    return AttemptResult(claimed.attempt, claimed.token, Status.FAILED, at, {"reason": reason})


def answered(claimed: Claimed, reason: str, at: str) -> AttemptResult:
    """SES answered with an error, by which it very probably did not take the message."""
    answer: dict[str, Value] = {"answer": ANSWERED_WITH_ERROR, "reason": reason}
    return AttemptResult(claimed.attempt, claimed.token, Status.SENDING, at, answer)


@dataclass(frozen=True)
class Settlement:
    """A person's decision on an attempt in doubt, as it was shown.

    `SEND_AGAIN` takes effect with the next claim, which a copy of the order makes, however old that is; an
    event that comes before it wins.

    Parameters
    ----------
    attempt, token
        Of the attempt that was shown.
    by, reason
        Who has decided, and why.
    """

    choice: Choice
    attempt: int
    token: str
    now_ms: int
    at: str
    by: str
    reason: str
    settle_window_ms: int

    def decide(self, record: Record | None) -> Write | Verdict:
        """May it be settled so?"""
        shown = Guard(statuses=frozenset({Status.SENDING}), attempt=self.attempt, token=self.token)
        if record is None or not shown.holds(record):
            return NotAsShown(record.status if record else None)
        settled_ms = record.send_by_ms + self.settle_window_ms
        if self.now_ms <= settled_ms:
            return InFlight(settled_ms)
        return Write(shown, self._changes(record), Settled())

    def _changes(self, record: Record) -> Changes:
        decided: dict[str, Value] = {
            "decision": self.choice,
            "decided_by": self.by,
            "decided_at": self.at,
            "decision_reason": self.reason,
            "updated_at": self.at,
        }
        if self.choice is Choice.SEND_AGAIN:
            return Changes(decided)
        if self.choice is Choice.SENT:
            sent_at = datetime.fromtimestamp((record.claimed_at_ms or record.send_by_ms) / 1000, UTC)
            decided |= {"status": Status.SENT, "sent_at": iso(sent_at)}
        else:
            decided |= {"status": Status.ABANDONED, "reason": self.reason}
        return Changes(decided, removed=ENTRY_OF_OPEN_ATTEMPT)


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
        How long after its `send_by_ms` an attempt in doubt is waited for, as in `Claim`.
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
        if not record.status.is_unsent:
            return AlreadyHandled(record.status)
        settled_ms = record.send_by_ms + self.settle_window_ms
        if record.status is Status.SENDING and self.now_ms <= settled_ms:
            return InFlight(settled_ms)
        return self._write(_as_read(record), {})

    def _write(self, guard: Guard, new: Mapping[str, Value]) -> Write:
        given_up = {"status": Status.ABANDONED, "reason": self.reason, "updated_at": self.at}
        removed = () if guard.absent else ENTRY_OF_OPEN_ATTEMPT
        return Write(guard, Changes({**new, **given_up}, removed=removed), Abandoned())

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
    attempt
        Which it is about; it need not be the current one.
    status
        What the event says of the notification; SENT for events that only show that SES has the message.
    message_id
        Empty if it is not known, as after a restore.
    entry
        What the history keeps of it.
    """

    id: str
    attempt: int
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
        attributes: dict[str, Value] = {"updated_at": self.at}
        if not record.message_id:
            attributes["sent_at"] = self.sent_at
            if self.message_id:
                attributes["message_id"] = self.message_id
        moves = self._moves(record.status)
        if moves:
            attributes["status"] = self.status
        elif forgotten:
            return EventRepeated()
        duplicate = _duplicate(record, self.attempt, self.message_id)
        members = {"duplicate_message_ids": duplicate} if duplicate else {}
        if full and not forgotten:
            members["event_ids"] = self.id
        guard = Guard(
            statuses=frozenset(
                s for s in Status if s.is_accepted == record.status.is_accepted and self._moves(s) == moves
            ),
            attempt=record.attempt,
            history_lacks=self.id,
            history_below=None if full else HISTORY_CAPACITY,
            message_id=record.message_id,
            duplicates_lack=duplicate,
        )
        changes = Changes(
            attributes,
            history_id=None if full else self.id,
            history_entry=self.entry,
            members=members,
            removed=ENTRY_OF_OPEN_ATTEMPT if self.attempt == record.attempt else (),
        )
        return Write(guard, changes, EventRecorded(self.status if moves else None, duplicate is not None))

    def _moves(self, status: Status) -> bool:
        """Whether it moves a notification up from this status; any event shows that SES has the message."""
        return not status.is_accepted or status.rank < self.status.rank

    @property
    def expects(self) -> Record:
        """The record that most events of this kind find: decided on first, so that one write is enough."""
        return Record(Status.SENT, self.attempt, message_id=self.message_id)
