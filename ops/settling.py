"""Attempts of which nobody knows whether SES took the message: what is known, and what a person decides.

Silence of SES is never taken for a no here. What speaks for either is gathered from the ledger, its index of
open attempts and the functions' logs; what a person decides holds only for the very attempt that was shown.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notifications.audit import Decision, audit_item
from notifications.evidence import SettlingRules, Sign
from notifications.keys import NotificationKey
from notifications.ledger import Choice, InFlight, NotAsShown, Settlement, Status
from notifications.ledger_table import LedgerTable, OpenAttempt
from notifications.times import epoch_ms, iso
from ops import ledger_decisions, ledger_lookup, ledger_view
from ops.dead_letters.handling import look_through
from ops.dead_letters.judgement import Fate, Judge
from ops.dead_letters.queue import Queue
from ops.errors import OpsError, RefusedError
from ops.function_logs import fields_of
from ops.output import Progress
from ops.targets import Deployed


class Became(StrEnum):
    """What came of a decision on one attempt."""

    SENT = "recorded_as_sent"
    GIVEN_UP = "given_up"
    REDRIVEN = "redriven"
    AWAITS_ORDER_EVENT = "awaits_order_event"
    OVERTAKEN = "overtaken"
    LEFT = "left"


@dataclass(frozen=True)
class InDoubt:
    """An attempt, and what is known of it.

    Parameters
    ----------
    record
        The ledger's, as plain values.
    said
        What the functions have logged of the attempt, oldest first.
    message_id
        By which SES accepted it, as a log line says of an answer or an event that could not be recorded.
    accepted_around, silent_around, in_doubt_around
        Of the emails claimed within a settle window before and after it: those that the log calls accepted,
        those of them without any event, and those that are in doubt as well.
    """

    record: Mapping[str, Any]
    said: tuple[str, ...] = ()
    message_id: str = ""
    accepted_around: int = 0
    silent_around: int = 0
    in_doubt_around: int = 0

    @property
    def key(self) -> NotificationKey:
        """Of its notification."""
        return NotificationKey(self.record["order_key"], self.record["notification"])

    @property
    def claimed_at_ms(self) -> int:
        """When it was claimed, epoch milliseconds, or at the latest, as a record of an older form says."""
        return int(self.record.get("claimed_at_ms") or self.record["send_by_ms"])

    @property
    def claimed_at(self) -> datetime:
        """The same as a moment."""
        return datetime.fromtimestamp(self.claimed_at_ms / 1000, UTC)

    @property
    def send_by(self) -> datetime:
        """From when on no call to SES of it was under way."""
        return datetime.fromtimestamp(self.record["send_by_ms"] / 1000, UTC)


@dataclass
class Settled:
    """What a person's decision came to.

    Parameters
    ----------
    became
        By notification, with words for it; those that were not come to are missing.
    interrupted
        Whether the operator has stopped it.
    failure
        What has stopped it.
    """

    became: dict[NotificationKey, tuple[Became, str]] = field(default_factory=dict)
    interrupted: bool = False
    failure: Exception | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether something is left to do."""
        return self.interrupted or self.failure is not None


@dataclass
class Waiting:
    """How many attempts are in doubt for so long that somebody has to do something.

    Parameters
    ----------
    undecided
        Wait for a person's decision.
    decided
        Are to be made again, and wait for a copy of their order.
    oldest
        When the first of them was claimed.
    """

    undecided: int = 0
    decided: int = 0
    oldest: datetime | None = None


def waiting(of: Deployed, rules: SettlingRules, now: datetime) -> Waiting:
    """Count them, by the index of open attempts."""
    found = Waiting()
    now_ms = epoch_ms(now)
    for entry in _open_attempts(of, 0, now_ms):
        if entry.status != Status.SENDING or now_ms <= rules.due_ms(entry.send_by_ms):
            continue
        if entry.decision:
            found.decided += 1
        else:
            found.undecided += 1
        claimed_at = datetime.fromtimestamp(entry.claimed_at_ms / 1000, UTC)
        found.oldest = min(found.oldest or claimed_at, claimed_at)
    return found


def of_order(of: Deployed, order_id: str, rules: SettlingRules, now: datetime) -> list[InDoubt]:
    """The attempts of one order that are in doubt.

    Raises
    ------
    RefusedError
        None is, or not yet.
    """
    records = ledger_lookup.find_order(of.aws.dynamodb, of.outputs["LedgerTableName"], order_id)
    sending = [record for record in records if record["status"] == Status.SENDING]
    in_doubt = [InDoubt(record) for record in sending if _is_over(record, rules, now)]
    if in_doubt:
        return sorted(in_doubt, key=lambda one: one.claimed_at_ms)
    look = f"See `notify find {order_id}`."
    if sending:
        until_ms = max(record["send_by_ms"] for record in sending) + rules.settle_window_ms
        until = iso(datetime.fromtimestamp(until_ms / 1000, UTC))
        raise RefusedError(
            f"The attempt may be under way, or its event on the way, until {until}.", f"Wait for that. {look}"
        )
    raise RefusedError(f"No email of order {order_id} is in doubt.", look)


def between(
    of: Deployed, begin: datetime, end: datetime, rules: SettlingRules, now: datetime
) -> list[InDoubt]:
    """The attempts claimed in that time that are in doubt and that nothing settles by itself any more."""
    keys = [
        entry.key
        for entry in _open_attempts(of, epoch_ms(begin), epoch_ms(end))
        if entry.status == Status.SENDING
    ]
    records = ledger_lookup.get(of.aws.dynamodb, of.outputs["LedgerTableName"], keys)
    in_doubt = [
        InDoubt(record)
        for record in records
        if record["status"] == Status.SENDING
        and _is_over(record, rules, now)
        and _needs_person(record, rules, now)
    ]
    return sorted(in_doubt, key=lambda one: one.claimed_at_ms)


def with_evidence(
    of: Deployed, in_doubt: Sequence[InDoubt], log: Iterable[tuple[int, str]], rules: SettlingRules
) -> list[InDoubt]:
    """The same attempts, and what is known of each.

    Parameters
    ----------
    log
        Lines of the functions from a settle window before the first of the attempts to one after the last,
        each with its time in epoch milliseconds.
    """
    window = rules.settle_window_ms
    first, last = in_doubt[0].claimed_at_ms, in_doubt[-1].claimed_at_ms
    entries = list(_open_attempts(of, first - window, last + window))
    silent = sorted(entry.claimed_at_ms for entry in entries if entry.sign is Sign.AWAITED)
    doubtful = sorted(entry.claimed_at_ms for entry in entries if entry.status == Status.SENDING)
    lines = _Lines.read(log)

    def around(moments: Sequence[int], one: InDoubt) -> int:
        at = one.claimed_at_ms
        return bisect_right(moments, at + window) - bisect_left(moments, at - window)

    return [
        InDoubt(
            one.record,
            tuple(lines.said.get((one.key, one.record["attempt"]), ())),
            lines.message_ids.get((one.key, one.record["attempt"]), ""),
            around(lines.accepted, one),
            around(silent, one),
            max(around(doubtful, one) - 1, 0),
        )
        for one in in_doubt
    ]


def settle(
    of: Deployed,
    in_doubt: Sequence[InDoubt],
    choice: Choice,
    decision: Decision,
    rules: SettlingRules,
    progress: Progress,
) -> Settled:
    """Write a person's decision on each attempt, as it was shown, with its audit item: both or neither.

    Stopped by Ctrl-C or by an error of AWS, it tells how far it got; the same once more goes on.
    """
    done = Settled()
    with _noting_stop(done), progress.doing(f"0 of {len(in_doubt)}"):
        for number, one in enumerate(in_doubt, start=1):
            done.became[one.key] = _settle(of, one, choice, decision, rules)
            progress.now(f"{number} of {len(in_doubt)}")
    return done


def redrive(queue: Queue, judge: Judge, settled: Settled, progress: Progress) -> None:
    """Let attempts be made that are to be made again and of whose order there is a dead letter.

    Parameters
    ----------
    queue
        The send queue's dead letters.
    judge
        Of orders that are to be redriven.
    """
    wanted = {key for key, (became, _) in settled.became.items() if became is Became.AWAITS_ORDER_EVENT}
    with _noting_stop(settled), closing(look_through(queue, progress)) as messages:
        for message in messages:
            judged = judge(message)
            if judged.key in wanted and judged.fate is Fate.REDRIVE:
                queue.redrive(message)
                text = "its order was among the dead letters: redriven, and sent with its next look"
                settled.became[judged.key] = Became.REDRIVEN, text


@contextmanager
def _noting_stop(done: Settled) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        done.interrupted = True
    except (ClientError, BotoCoreError, OpsError) as error:
        done.failure = error


def _settle(
    of: Deployed, one: InDoubt, choice: Choice, decision: Decision, rules: SettlingRules
) -> tuple[Became, str]:
    if one.message_id and choice is not Choice.SENT:
        return (
            Became.LEFT,
            f"left: SES accepted it as {one.message_id}, as the log says; settle it with --sent",
        )
    if choice is Choice.SEND_AGAIN and one.record.get("decision") == choice:
        return _AWAITS
    settlement = Settlement(
        choice=choice,
        attempt=one.record["attempt"],
        token=one.record["token"],
        now_ms=epoch_ms(decision.at),
        at=iso(decision.at),
        by=decision.by,
        reason=decision.reason,
        settle_window_ms=rules.settle_window_ms,
    )
    facts = {"choice": str(choice), "record": str(one.key), "attempt": str(one.record["attempt"])}
    verdict = ledger_decisions.record(
        of.aws.dynamodb,
        of.outputs["LedgerTableName"],
        one.key,
        settlement.decide,
        audit_item("settle", decision, **facts),
    )
    match verdict:
        case NotAsShown(None):
            return Became.OVERTAKEN, "left: its record is gone"
        case NotAsShown(Status.SENDING) | InFlight():
            return Became.OVERTAKEN, "left: another attempt is under way by now"
        case NotAsShown(status):
            return Became.OVERTAKEN, f"nothing to decide any more: it is {status} by now"
    match choice:
        case Choice.SENT:
            return Became.SENT, "recorded as sent"
        case Choice.GIVE_UP:
            return Became.GIVEN_UP, "given up: no copy of the order is sent any more"
    return _AWAITS


_AWAITS = (
    Became.AWAITS_ORDER_EVENT,
    "stays listed until its order event comes: if it is not in the send queue, publish it again",
)


def export_command(in_doubt: Sequence[InDoubt], rules: SettlingRules) -> str:
    """How to have SES say what became of these emails, where Virtual Deliverability Manager is on.

    https://docs.aws.amazon.com/ses/latest/dg/vdm-message-insights.html
    """
    window = rules.settle_window_ms
    begin_ms, end_ms = in_doubt[0].claimed_at_ms - window, in_doubt[-1].claimed_at_ms + window
    source: dict[str, Any] = {
        "StartDate": iso(datetime.fromtimestamp(begin_ms / 1000, UTC)),
        "EndDate": iso(datetime.fromtimestamp(end_ms / 1000, UTC)),
    }
    addresses = sorted({one.record["recipient"] for one in in_doubt if "recipient" in one.record})
    if 0 < len(addresses) <= MOST_DESTINATIONS:
        source["Include"] = {"Destination": addresses}
    data_source = json.dumps({"MessageInsightsDataSource": source})
    destination = json.dumps({"DataFormat": "CSV"})
    return (
        f"aws sesv2 create-export-job --export-data-source '{data_source}' "
        f"--export-destination '{destination}'"
    )


MOST_DESTINATIONS = 5
"""Of one filter (https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageInsightsFilters.html)."""


@dataclass
class _Lines:
    """What the functions have logged, by notification and attempt, and when an email was accepted."""

    said: dict[tuple[NotificationKey, int], list[str]] = field(default_factory=dict)
    message_ids: dict[tuple[NotificationKey, int], str] = field(default_factory=dict)
    accepted: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, log: Iterable[tuple[int, str]]) -> _Lines:
        found = cls()
        for at_ms, line in sorted(log):
            fields = fields_of(line)
            if fields.get("message") not in ("email", "event") or "attempt" not in fields:
                continue
            about = NotificationKey(str(fields["order_key"]), str(fields["notification"])), fields["attempt"]
            outcome, detail = fields.get("outcome"), fields.get("detail")
            what = fields["message"] if fields["message"] == "email" else fields.get("event")
            at = iso(datetime.fromtimestamp(at_ms / 1000, UTC))
            said = f"{at} {what} {outcome}" + (f": {detail}" if detail else "")
            found.said.setdefault(about, []).append(said)
            if outcome == "accepted":
                found.accepted.append(at_ms)
            if outcome == "accepted" or fields["message"] == "event":
                found.message_ids[about] = str(fields["message_id"])
        return found


def _open_attempts(of: Deployed, from_ms: int, to_ms: int) -> Iterator[OpenAttempt]:
    with ledger_decisions.explaining():
        yield from LedgerTable(of.aws.dynamodb, of.outputs["LedgerTableName"]).open_attempts(from_ms, to_ms)


def _is_over(record: Mapping[str, Any], rules: SettlingRules, now: datetime) -> bool:
    return epoch_ms(now) > int(record["send_by_ms"]) + rules.settle_window_ms


def _needs_person(record: Mapping[str, Any], rules: SettlingRules, now: datetime) -> bool:
    by_itself = rules.resend_after_silence.allows(ledger_view.doubt(record))
    return not by_itself or epoch_ms(now) > rules.due_ms(record["send_by_ms"])
