"""Which notifications should have come to an end by now and have not, and what became of each day.

The send queue brings every notification to its end, and SES's events say how it ended. What the queue has
lost, or what no event was recorded of, shows only here. It is told, never sent again: that is for a person
to decide. Pure: no AWS, no clock.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from notifications.keys import NotificationKey
from notifications.ledger import Status

SEND_QUEUE_LIFE = timedelta(days=4)
"""The send queue keeps a message for so long: what was last worked on before that has left the queue. A test
of the templates holds this to the queue's retention."""

OUTCOME_LIFE = timedelta(hours=72)
"""SES tries to deliver for 14 hours at most, and an event may wait out an outage of the feedback path of days
(https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html, MaxDeliverySeconds)."""

REPORTED_DAYS = 7
"""So many whole days are accounted for, and for so long an overdue notification is reported. What was left as
it is for longer is only counted in the log: the alarm that it holds would hide what is new."""

LISTED = 100
"""Overdue notifications that are named, the newest; the others are counted."""

AWAITING_OUTCOME = tuple(status for status in Status if status.awaits_outcome)
UNRESOLVED = tuple(s for s in Status if s.is_unsent or s.awaits_outcome or s is Status.FAILED)
"""What the check tells of whenever it was begun."""


@dataclass(frozen=True)
class Entry:
    """What is read of a ledger item: nothing that a customer supplied.

    Parameters
    ----------
    status
        One of `Status`, or of a later release that this one does not know.
    send_by
        From when on no call to SES is under way for it.
    sent_at
        None if SES is not known to have accepted the message.
    reason
        Why a FAILED one was refused, as the failure's code; empty for all others.
    """

    key: NotificationKey
    status: str
    attempt: int
    resends: int
    created_at: datetime
    updated_at: datetime
    send_by: datetime
    sent_at: datetime | None
    reason: str = ""


class OverdueFinding(StrEnum):
    """What is wrong, as the log calls it."""

    NOT_SENT = "not_sent"
    UNDECIDED = "undecided"
    NO_OUTCOME = "no_outcome"


@dataclass(frozen=True)
class Overdue:
    """A notification that should have come to an end.

    Parameters
    ----------
    since
        When it last moved: was worked on, or accepted by SES.
    due
        When it should have moved on at the latest.
    """

    entry: Entry
    finding: OverdueFinding
    since: datetime
    due: datetime


@dataclass(frozen=True)
class DayTally:
    """What became of the notifications that were begun on one day, UTC.

    Parameters
    ----------
    statuses
        How many of them have each status.
    resends
        Attempts made again after one of unknown outcome.
    """

    day: date
    statuses: Mapping[str, int]
    resends: int

    @property
    def notifications(self) -> int:
        """How many were begun."""
        return sum(self.statuses.values())


@dataclass(frozen=True)
class Assessment:
    """What the check found.

    Parameters
    ----------
    counts
        Overdue notifications that are reported, by what is wrong.
    listed
        The newest of them, at most `LISTED`.
    older
        Overdue for longer than `REPORTED_DAYS`.
    days
        What became of the last `REPORTED_DAYS` whole days, the newest first.
    failed
        Each that was refused for good since the oldest of these days, the newest first.
    """

    counts: Mapping[OverdueFinding, int]
    listed: list[Overdue]
    older: int
    days: list[DayTally]
    failed: list[Entry]

    @property
    def overdue(self) -> int:
        """How many are reported."""
        return sum(self.counts.values())

    @property
    def undecided(self) -> int:
        """How many of them wait for a person to settle whether they were sent."""
        return self.counts.get(OverdueFinding.UNDECIDED, 0)


def tallied_days(now: datetime) -> list[date]:
    """The last whole days, UTC, the newest first."""
    today = now.astimezone(UTC).date()
    return [today - timedelta(days=back) for back in range(1, REPORTED_DAYS + 1)]


def tallied_since(now: datetime) -> datetime:
    """When the oldest of these days began."""
    return datetime.combine(tallied_days(now)[-1], time.min, UTC)


def assess(entries: Iterable[Entry], now: datetime, undecided_after: timedelta) -> Assessment:
    """Find what is overdue, and tally the last days.

    Parameters
    ----------
    entries
        At least those in a status of `UNRESOLVED`, and those created since `tallied_since(now)`; read once.
    undecided_after
        How long after its `send_by` an attempt of unknown outcome waits for a person.
    """
    statuses: dict[date, Counter[str]] = {day: Counter() for day in tallied_days(now)}
    resends: Counter[date] = Counter()
    counts: Counter[OverdueFinding] = Counter()
    older = 0
    failed: list[Entry] = []

    def reported() -> Iterator[Overdue]:
        nonlocal older
        for entry in entries:
            day = entry.created_at.astimezone(UTC).date()
            if day in statuses:
                statuses[day][entry.status] += 1
                resends[day] += entry.resends
            if entry.status == Status.FAILED and entry.updated_at >= tallied_since(now):
                failed.append(entry)
            overdue = _overdue(entry, now, undecided_after)
            if overdue is None:
                continue
            if now - overdue.due > timedelta(days=REPORTED_DAYS):
                older += 1
                continue
            counts[overdue.finding] += 1
            yield overdue

    listed = heapq.nlargest(LISTED, reported(), key=lambda overdue: overdue.due)
    days = [DayTally(day, dict(count), resends[day]) for day, count in statuses.items()]
    failed.sort(key=lambda entry: entry.updated_at, reverse=True)
    return Assessment(dict(counts), listed, older, days, failed)


def _overdue(entry: Entry, now: datetime, undecided_after: timedelta) -> Overdue | None:
    if entry.status == Status.SENDING:
        finding, since, life = OverdueFinding.UNDECIDED, entry.send_by, undecided_after
    elif entry.status == Status.READY:
        finding, since, life = OverdueFinding.NOT_SENT, entry.updated_at, SEND_QUEUE_LIFE
    elif entry.status in AWAITING_OUTCOME:
        finding, since, life = OverdueFinding.NO_OUTCOME, entry.sent_at or entry.updated_at, OUTCOME_LIFE
    else:
        return None
    due = since + life
    return Overdue(entry, finding, since, due) if now > due else None
