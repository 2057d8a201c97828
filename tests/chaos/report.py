"""What a run has shown: counted from what SES accepted, never from what the system says of itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from notifications.keys import order_key
from tests.chaos import faults
from tests.chaos.orders import Orders
from tests.support.system import System

FEEDBACK_QUEUES = ("FeedbackQueueUrl", "FeedbackDeadLetterQueueUrl", "FeedbackUndeliveredQueueUrl")
DEAD_ORDER_QUEUES = ("SendDeadLetterQueueUrl", "OrderEventsUndeliveredQueueUrl")


@dataclass(frozen=True)
class Report:
    """The counts of a run. Orders are named by their ids.

    Parameters
    ----------
    messages
        As how many messages the orders and the malformed ones were published.
    probes
        Valid orders that were published besides, once each; they are judged like all others.
    accepted
        Emails that SES accepted.
    duplicates, lost
        Valid orders of which SES accepted more than one email, or none.
    dead
        Valid orders in a dead-letter queue.
    unfinished
        Valid orders whose record does not say DELIVERED.
    not_refused
        Malformed orders that are in no dead-letter queue.
    events_left
        Events in the feedback queue or one of its dead-letter queues.
    resent_after_unknown
        Attempts that were presumed never made.
    attempts
        How many valid orders took so many attempts.
    hits, hits_needed
        By fault.
    """

    seed: int
    seconds: float
    orders: int
    malformed: int
    messages: int
    probes: int
    accepted: int
    duplicates: list[str]
    lost: list[str]
    dead: list[str]
    unfinished: list[str]
    not_refused: list[str]
    events_left: int
    resent_after_unknown: int
    attempts: dict[int, int]
    hits: dict[str, int]
    hits_needed: dict[str, int]

    @property
    def missed_faults(self) -> list[str]:
        """Faults that hit too seldom to show anything."""
        return [name for name, needed in self.hits_needed.items() if self.hits[name] < needed]

    @property
    def wrong_orders(self) -> list[str]:
        """Valid orders that did not come to one delivered email."""
        return list(dict.fromkeys([*self.duplicates, *self.lost, *self.dead, *self.unfinished]))

    @property
    def passed(self) -> bool:
        """Each order has one delivered email, each malformed one was refused, each fault was really there."""
        return not (self.wrong_orders or self.not_refused or self.events_left or self.missed_faults)


def judge(system: System, orders: Orders, hits: dict[str, int], *, seed: int, seconds: float) -> Report:
    """Count, once everything has settled."""
    keys = {id_: order_key(id_) for id_ in orders.all_valid}
    accepted = Counter(message["tags"]["order_key"] for message in system.control.accepted())
    dead = {body for queue in DEAD_ORDER_QUEUES for body in system.dead_letters(queue)}
    records = _records(system)
    own = [records[key] for key in keys.values() if key in records]
    return Report(
        seed=seed,
        seconds=round(seconds, 1),
        orders=len(orders.valid),
        malformed=len(orders.malformed),
        messages=len(orders.messages),
        probes=len(orders.probes),
        accepted=accepted.total(),
        duplicates=[id_ for id_, key in keys.items() if accepted[key] > 1],
        lost=[id_ for id_, key in keys.items() if not accepted[key]],
        dead=[id_ for id_, body in orders.all_valid.items() if body in dead],
        unfinished=unfinished(system, orders),
        not_refused=[id_ for id_, body in orders.malformed.items() if body not in dead],
        events_left=sum(system.waiting(queue) for queue in FEEDBACK_QUEUES),
        resent_after_unknown=sum(int(record["resends"]["N"]) for record in own),
        attempts=dict(sorted(Counter(int(record["attempt"]["N"]) for record in own).items())),
        hits=hits,
        hits_needed={name: faults.hits_needed(name, len(orders.valid)) for name in hits},
    )


def unfinished(system: System, orders: Orders) -> list[str]:
    """Valid orders whose email is not known to be delivered."""
    records = _records(system)
    return [
        id_
        for id_ in orders.all_valid
        if records.get(order_key(id_), {}).get("status", {}).get("S") != "DELIVERED"
    ]


def _records(system: System) -> dict[str, dict[str, Any]]:
    """What counts of the ledger's items, by order key, in DynamoDB's notation."""
    pages = system.aws.dynamodb.get_paginator("scan").paginate(
        TableName=system.outputs["LedgerTableName"],
        ProjectionExpression="order_key, #status, attempt, resends",
        ExpressionAttributeNames={"#status": "status"},
    )
    return {item["order_key"]["S"]: item for page in pages for item in page["Items"]}


def explain(system: System, id_: str) -> dict[str, Any]:
    """Everything about one order: its record, what SES accepted, and what the functions logged of it.

    A function that was killed has left no log of that invocation.
    """
    key = order_key(id_)
    logs = system.client("logs")
    lines = [
        event["message"].strip()
        for function in (faults.SEND, faults.TRACK)
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        for event in page["events"]
        if key in event["message"]
    ]
    accepted = [
        {name: message[name] for name in ("message_id", "accepted_at", "tags")}
        for message in system.control.accepted()
        if message["tags"].get("order_key") == key
    ]
    return {"order": id_, "record": system.records(id_), "accepted": accepted, "log": lines}
