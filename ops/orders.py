"""Orders that try a deployed system: published, and found again in the ledger and among the dead letters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from notifications.email_types import EmailTypes
from notifications.times import iso
from ops import ledger_lookup, publishing
from ops.dead_letters.messages import QueueName
from ops.dead_letters.queue import Queue
from ops.publishing import OrderEvent

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sns import SNSClient
    from types_boto3_sqs import SQSClient


EMAIL_TYPE = "order_confirmation"


@dataclass(frozen=True)
class Order:
    """One order, and what is expected of it.

    Parameters
    ----------
    expected
        The status that its email ends with; None: the event is refused.
    copies
        How often the same event is published.
    type
        The email type that it is published with, as a message attribute.
    """

    order_id: str
    body: str
    expected: str | None
    copies: int = 1
    type: str | None = None


@dataclass
class Observed:
    """What is known of an order.

    Parameters
    ----------
    record
        The ledger's, if there is one.
    refusal
        Attributes of its dead letter.
    """

    order: Order
    record: dict[str, Any] | None = None
    refusal: Mapping[str, str] | None = None


def body(order_id: str, now: datetime, customer: Mapping[str, str | None], **changes: Any) -> str:
    """The event of an order like the sample, placed now, with changed fields; what is None is left out."""
    event = {**EmailTypes().get(EMAIL_TYPE).sample, "order_id": order_id, "ordered_at": iso(now), **changes}
    event["customer"] = _without_none({**event["customer"], **customer})
    return json.dumps(_without_none(event))


def publish(sns: SNSClient, topic_arn: str, orders: Iterable[Order]) -> int:
    """Publish the orders, as an order system does; returns the number of events."""
    events = [
        OrderEvent(order.body, order.order_id, order.type) for order in orders for _ in range(order.copies)
    ]
    for event in events:
        publishing.publish(sns, topic_arn, event)
    return len(events)


def record(dynamodb: DynamoDBClient, outputs: Mapping[str, str], order: Order) -> dict[str, Any] | None:
    """The record of an order's email, if there is one."""
    return next(iter(ledger_lookup.find_order(dynamodb, outputs["LedgerTableName"], order.order_id)), None)


def refusals(
    sqs: SQSClient, outputs: Mapping[str, str], bodies: Iterable[str], *, delete: bool = False
) -> dict[str, dict[str, str]]:
    """Attributes of the dead letters that have one of these bodies, by body.

    Parameters
    ----------
    delete
        Whether they are deleted. Without it they stay; all others stay in any case.
    """
    queue, wanted = Queue(sqs, outputs, QueueName.SEND), set(bodies)
    found: dict[str, dict[str, str]] = {}
    with closing(queue.messages()) as messages:
        for message in messages:
            if message.body in wanted:
                found[message.body] = {name: message.text(name) for name in message.attributes}
                if delete:
                    queue.delete(message)
    return found


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
