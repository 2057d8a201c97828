"""Redriving and discarding: first a plan of what would become of each message, then the plan is carried out.

Only what the plan names is touched, so that what arrives meanwhile, such as a message that was refused once
more, is not taken round and round. Each message is judged again just before anything is done with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Generator
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from notifications.audit import Decision, audit_item
from notifications.ledger import Abandoned
from notifications.ledger_table import LedgerTable
from notifications.times import iso
from ops import audit, ledger_decisions
from ops.dead_letters.judgement import Fate, Judge, Judgement
from ops.dead_letters.messages import Message, Selection
from ops.dead_letters.queue import BATCH_SIZE, LEAST_VISIBILITY_SECONDS, Queue
from ops.errors import OpsError
from ops.output import Progress
from ops.targets import Deployed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

Act = Callable[[Message, Judgement], Fate]


@dataclass(frozen=True)
class Planned:
    """A message without its body, and what is to become of it."""

    id: str
    reason: str
    type: str
    order_id: str | None
    waiting_since: str
    judgement: Judgement


@dataclass
class Tally:
    """What was done so far.

    Parameters
    ----------
    fates
        How many messages had which fate.
    remaining
        Ids of those that are still to be handled.
    interrupted
        Whether the operator has stopped it.
    failure
        What has stopped it.
    """

    fates: Counter[Fate] = field(default_factory=Counter)
    remaining: set[str] = field(default_factory=set)
    interrupted: bool = False
    failure: Exception | None = None

    @property
    def handled(self) -> int:
        """How many messages are done with."""
        return self.fates.total()


def look_through(queue: Queue, progress: Progress) -> Generator[Message, None, None]:
    """Each message of a queue, with progress; close it, so that all are put back in sight."""
    expected, _ = queue.depth()
    with progress.doing(f"looking at {queue.name}"), closing(queue.messages()) as messages:
        for number, message in enumerate(messages, start=1):
            progress.now(f"looking at {queue.name}: {number} of about {max(expected, number)}")
            yield message


def plan(queue: Queue, selection: Selection, judge: Judge, progress: Progress) -> list[Planned]:
    """Look at the queue and judge what is selected; nothing is changed."""
    planned = []
    with closing(look_through(queue, progress)) as messages:
        for message in messages:
            if selection.picks(message):
                planned.append(planned_one(message, judge(message)))
            if selection.ids and len(planned) == len(selection.ids):
                break
    return planned


def planned_one(message: Message, judgement: Judgement) -> Planned:
    """The message without its body."""
    since = iso(message.waiting_since)
    return Planned(message.id, message.reason, message.type, message.order_id, since, judgement)


def carry_out(
    queue: Queue,
    planned: Collection[Planned],
    judge: Judge,
    act: Act,
    rate_per_second: float,
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> Tally:
    """Do with each message of the plan what is right by now.

    Stopped by Ctrl-C or by an error of AWS, it puts back what it holds and tells how far it got.

    Parameters
    ----------
    rate_per_second
        How many messages are redriven or discarded a second, at most.
    """
    tally = Tally(remaining={one.id for one in planned if one.judgement.fate is not Fate.LEAVE})
    tally.fates[Fate.LEAVE] = len(planned) - len(tally.remaining)
    at_once = max(1, min(BATCH_SIZE, int(rate_per_second * LEAST_VISIBILITY_SECONDS / 2)))
    total = len(planned)
    try:
        with progress.doing(f"0 of {total}"), closing(queue.messages(at_once)) as messages:
            while tally.remaining and (message := next(messages, None)):
                if message.id not in tally.remaining:
                    continue
                tally.fates[act(message, judge(message))] += 1
                tally.remaining.discard(message.id)
                progress.now(f"{tally.handled} of {total}")
                if tally.remaining:
                    sleep(1 / rate_per_second)
    except KeyboardInterrupt:
        tally.interrupted = True
    except (ClientError, BotoCoreError, OpsError) as error:
        tally.failure = error
    return tally


def redriving(queue: Queue) -> Act:
    """Redrives what is judged so, and deletes what is done."""

    def act(message: Message, judgement: Judgement) -> Fate:
        if judgement.fate is Fate.REDRIVE:
            queue.redrive(message)
        elif judgement.fate is Fate.DELETE:
            queue.delete(message)
        return judgement.fate

    return act


def discarding(queue: Queue, of: Deployed, decision: Decision) -> Act:
    """Gives notifications up in the ledger, or records events there, then deletes the messages.

    Each has an audit item. A crash in between leaves the message: the next discard finds that it is in the
    ledger, and deletes it.
    """
    client: DynamoDBClient = of.aws.dynamodb
    table = LedgerTable(client, of.outputs["LedgerTableName"])

    def act(message: Message, judgement: Judgement) -> Fate:
        facts = _facts(message, judgement)
        if judgement.fate is Fate.LEAVE:
            return Fate.LEAVE
        if judgement.key and judgement.abandonment:
            item = audit_item("dlq discard", decision, **facts)
            verdict = ledger_decisions.record(
                client, of.outputs["LedgerTableName"], judgement.key, judgement.abandonment.decide, item
            )
            if not isinstance(verdict, Abandoned):
                # Somebody has just begun on it, or an event has just said that it was sent.
                return Fate.LEAVE
        else:
            audit.record(of, "dlq discard", decision, **facts)
            with ledger_decisions.explaining():
                if judgement.key and judgement.event:
                    table.record_event(judgement.key, judgement.event)
                if judgement.marker:
                    table.mark(judgement.marker)
        queue.delete(message)
        return judgement.fate

    return act


def _facts(message: Message, judgement: Judgement) -> dict[str, str]:
    facts = {
        "queue": str(message.queue),
        "queue_message_id": message.id,
        "dead_letter_reason": message.reason,
    }
    if judgement.key:
        facts |= {
            "record": str(judgement.key),
            "status_before": str(judgement.status) if judgement.status else "no record",
        }
    return facts
