"""Dead letters: messages that nothing handles any more, which reason they have, and which of them are meant.

Pure: no AWS, no clock, no terminal.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from notifications.queues import CORRELATION_ID

RECEIVED_TOO_OFTEN = "received too often"
NOT_DELIVERED = "not delivered by SNS"
UNKNOWN = "unknown"

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_ORDER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}")
"""What is shown of an event that may be malformed: nothing that could be a name or an address."""


class QueueName(StrEnum):
    """Where messages end that were not handled, by the name that operators give it."""

    SEND = "send"
    ORDERS_UNDELIVERED = "orders-undelivered"
    FEEDBACK = "feedback"
    FEEDBACK_UNDELIVERED = "feedback-undelivered"

    @property
    def output(self) -> str:
        """The stack's output that has its URL."""
        return {
            QueueName.SEND: "SendDeadLetterQueueUrl",
            QueueName.ORDERS_UNDELIVERED: "OrderEventsUndeliveredQueueUrl",
            QueueName.FEEDBACK: "FeedbackDeadLetterQueueUrl",
            QueueName.FEEDBACK_UNDELIVERED: "FeedbackUndeliveredQueueUrl",
        }[self]

    @property
    def source_output(self) -> str:
        """The stack's output that has the URL of the queue in which its messages are handled."""
        return "SendQueueUrl" if self.has_orders else "FeedbackQueueUrl"

    @property
    def has_orders(self) -> bool:
        """Whether it has order events; else it has SES events."""
        return self in (QueueName.SEND, QueueName.ORDERS_UNDELIVERED)


@dataclass(frozen=True)
class Message:
    """A message of a dead-letter queue.

    Parameters
    ----------
    attributes
        Message attributes in SQS's notation.
    waiting_since
        When it was put into this queue, or into the one from which SQS moved it here.
    first_received_at
        When somebody first looked at it, if SQS says so.
    receives
        How often it has been received, this time included.
    """

    queue: QueueName
    id: str
    receipt_handle: str = field(repr=False)
    body: str = field(repr=False)
    attributes: Mapping[str, Any] = field(repr=False)
    waiting_since: datetime
    first_received_at: datetime | None
    receives: int

    def text(self, attribute: str) -> str:
        """Value of a message attribute; empty if it has none."""
        return str(self.attributes.get(attribute, {}).get("StringValue", ""))

    @property
    def reason(self) -> str:
        """Why it is here, with numbers of list elements left out so that equal faults have equal reasons."""
        said = f"{self.text('error_field')} {self.text('error_reason')}".strip()
        if said:
            return re.sub(r"\[\d+\]", "[]", said)
        undelivered = (QueueName.ORDERS_UNDELIVERED, QueueName.FEEDBACK_UNDELIVERED)
        return NOT_DELIVERED if self.queue in undelivered else RECEIVED_TOO_OFTEN

    @property
    def type(self) -> str:
        """Email type of an order event, or kind of an SES event; `unknown` if it does not say one."""
        if not self.queue.has_orders:
            return _name(self._event.get("eventType"))
        names = (self.text("email_type"), self.text("type"), self._event.get("type"))
        return next((name for name in map(_name, names) if name != UNKNOWN), UNKNOWN)

    @property
    def correlation_id(self) -> str:
        """By which logs follow it: given by the publisher, or else its id."""
        given = self.text("correlation_id")
        return given if CORRELATION_ID.fullmatch(given) else self.id

    @property
    def order_id(self) -> str | None:
        """What the event names as its order, unless that could be anything else."""
        given = self._event.get("order_id")
        return given if isinstance(given, str) and _ORDER_ID.fullmatch(given) else None

    @property
    def _event(self) -> Mapping[str, Any]:
        try:
            event = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return event if isinstance(event, dict) else {}


def _name(given: object) -> str:
    text = str(given or "").replace(" ", "_")
    return text if _NAME.fullmatch(text) else UNKNOWN


@dataclass(frozen=True)
class Selection:
    """Which messages are meant: those that fit all that is given; none if nothing is.

    Parameters
    ----------
    ids
        Message ids.
    reason
        As `Message.reason`.
    everything
        All of them.
    """

    ids: frozenset[str] = frozenset()
    reason: str | None = None
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.ids or self.reason or self.everything)

    def picks(self, message: Message) -> bool:
        """Whether the message is meant."""
        return (
            bool(self)
            and (not self.ids or message.id in self.ids)
            and (self.reason is None or message.reason == self.reason)
        )

    def __str__(self) -> str:
        parts = (self.reason and f"reason {self.reason!r}", self.ids and f"{len(self.ids)} by id")
        return ", ".join(part for part in parts if part) or "all"


@dataclass(frozen=True)
class Group:
    """Messages of one queue with the same reason and type."""

    queue: QueueName
    reason: str
    type: str
    count: int
    oldest: datetime
    newest: datetime


def grouped(messages: Iterable[Message]) -> list[Group]:
    """Group messages, read once and not kept; the largest groups of each queue first."""
    groups: dict[tuple[QueueName, str, str], Group] = {}
    for message in messages:
        key, since = (message.queue, message.reason, message.type), message.waiting_since
        known = groups.get(key, Group(*key, 0, since, since))
        groups[key] = Group(*key, known.count + 1, min(known.oldest, since), max(known.newest, since))
    order = list(QueueName)
    return sorted(groups.values(), key=lambda group: (order.index(group.queue), -group.count, group.reason))
