"""What `notify dlq` prints of dead letters. Names and addresses are in none of it, bodies excepted. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from notifications.times import iso
from ops.dead_letters.handling import Planned, Tally
from ops.dead_letters.judgement import Fate
from ops.dead_letters.messages import Group, Message, QueueName

ROWS = 30
"""Messages of a plan that are listed for people; --json lists all."""

SHOWN_ATTRIBUTES = ("error_field", "error_reason", "email_type")
"""Attributes whose values the functions have written: others may hold anything."""


@dataclass(frozen=True)
class Depth:
    """Messages in a queue: in sight, and held by somebody who is looking."""

    waiting: int
    held: int


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest two units."""
    minutes = max(0, int((now - since).total_seconds())) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def groups_json(
    groups: Sequence[Group], depths: Mapping[QueueName, Depth], now: datetime
) -> list[dict[str, Any]]:
    """The stable form of `notify dlq list --json`."""
    return [
        {
            "queue": queue,
            "messages": sum(group.count for group in groups if group.queue is queue),
            "held_by_others": depth.held,
            "groups": [
                {
                    "reason": group.reason,
                    "type": group.type,
                    "count": group.count,
                    "oldest_at": iso(group.oldest),
                    "newest_at": iso(group.newest),
                    "oldest_seconds": int((now - group.oldest).total_seconds()),
                    "newest_seconds": int((now - group.newest).total_seconds()),
                }
                for group in groups
                if group.queue is queue
            ],
        }
        for queue, depth in depths.items()
    ]


def groups_rows(groups: Sequence[Group], now: datetime) -> list[tuple[object, ...]]:
    """A row a group."""
    return [
        (group.queue, group.count, group.type, group.reason, age(group.oldest, now), age(group.newest, now))
        for group in groups
    ]


GROUPS_HEADINGS = ("Queue", "Count", "Type", "Reason", "Oldest", "Newest")


def planned_json(one: Planned) -> dict[str, Any]:
    """A message and what is to become of it."""
    judgement = one.judgement
    return {
        "message_id": one.id,
        "reason": one.reason,
        "type": one.type,
        "order_id": one.order_id,
        "waiting_since": one.waiting_since,
        "order_key": judgement.key.order_key if judgement.key else None,
        "notification": judgement.key.notification if judgement.key else None,
        "status": judgement.status,
        "fate": judgement.fate,
        "verdict": judgement.text,
    }


PLAN_HEADINGS = ("Message", "Type", "Order", "Verdict")


def planned_rows(planned: Sequence[Planned]) -> list[tuple[object, ...]]:
    """A row for each of the first messages."""
    return [(one.id, one.type, one.order_id or "?", one.judgement.text) for one in planned[:ROWS]]


def judgement_rows(planned: Sequence[Planned]) -> list[tuple[object, ...]]:
    """How many messages have which judgement."""
    counts = Counter(one.judgement.text for one in planned)
    return [(count, text) for text, count in counts.most_common()]


def tally_json(tally: Tally | None) -> dict[str, Any] | None:
    """What was done; None if it was a dry run."""
    if tally is None:
        return None
    return {
        **{str(fate): tally.fates[fate] for fate in Fate},
        "not_handled": len(tally.remaining),
        "interrupted": tally.interrupted,
    }


def tally_text(tally: Tally) -> str:
    """What was done, in words."""
    return ", ".join(f"{tally.fates[fate]} {fate}" for fate in Fate if tally.fates[fate]) or "nothing done"


def message_json(message: Message, one: Planned, *, with_body: bool) -> dict[str, Any]:
    """The stable form of a message of `notify dlq show --json`.

    Parameters
    ----------
    with_body
        Show the body and all attributes as received: they hold the customer's name and address.
    """
    shown = {
        name: message.text(name) if with_body or name in SHOWN_ATTRIBUTES else None
        for name in sorted(message.attributes)
    }
    return {
        "queue": message.queue,
        **planned_json(one),
        "first_received_at": iso(message.first_received_at) if message.first_received_at else None,
        "receives": message.receives,
        "correlation_id": message.correlation_id,
        "attributes": shown,
        **({"body": message.body} if with_body else {}),
    }


def message_rows(shown: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """The same for people."""
    named = {
        "message": "message_id",
        "queue": "queue",
        "reason": "reason",
        "type": "type",
        "order": "order_id",
        "order key": "order_key",
        "ledger status": "status",
        "waiting since": "waiting_since",
        "first received": "first_received_at",
        "receives": "receives",
        "correlation id": "correlation_id",
        "if redriven": "verdict",
        "body": "body",
    }
    unknown_status = "no record" if shown["order_key"] else None
    values = {**shown, "status": shown["status"] or unknown_status}
    facts = [(name, values[key]) for name, key in named.items() if values.get(key) is not None]
    attributes = [
        (f"attribute {name}", "(hidden)" if value is None else value)
        for name, value in shown["attributes"].items()
    ]
    return [*facts, *attributes, ("", "")]
