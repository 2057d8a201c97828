"""The faults of a run: each at the API boundary or inside AWS, none in the functions' code."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

SEND = "email-notifications-local-send-email"
TRACK = "email-notifications-local-track-delivery"

CLAIM = {"operation": "dynamodb:UpdateItem", "caller": SEND, "match": "send_by_ms"}
RECORD = {"operation": "dynamodb:UpdateItem", "caller": SEND, "match": "message_id", "unless": "send_by_ms"}
SES = {"operation": "ses:SendEmail", "caller": SEND}
EVENT = {"operation": "dynamodb:UpdateItem", "caller": TRACK}

FAULTS: dict[str, dict[str, Any]] = {
    "claim throttled": {**CLAIM, "effect": "throttle"},
    "claim made, answer lost": {**CLAIM, "effect": "reset", "phase": "after"},
    "killed before claim": {**CLAIM, "effect": "kill", "phase": "before"},
    "killed after claim": {**CLAIM, "effect": "kill", "phase": "after"},
    "SES throttles": {**SES, "effect": "throttle"},
    "SES answers 5xx, not accepted": {**SES, "effect": "server_error", "phase": "before"},
    "SES answers 5xx, accepted": {**SES, "effect": "server_error", "phase": "after"},
    "SES silent, not accepted": {**SES, "effect": "no_answer", "phase": "before"},
    "SES silent, accepted": {**SES, "effect": "no_answer", "phase": "after"},
    "connection reset, not accepted": {**SES, "effect": "reset", "phase": "before"},
    "connection reset, accepted": {**SES, "effect": "reset", "phase": "after"},
    "killed before SendEmail": {**SES, "effect": "kill", "phase": "before"},
    "killed after SendEmail": {**SES, "effect": "kill", "phase": "after"},
    "record throttled": {**RECORD, "effect": "throttle"},
    "killed before record": {**RECORD, "effect": "kill", "phase": "before"},
    "killed after record": {**RECORD, "effect": "kill", "phase": "after"},
    "batch done, not deleted": {"operation": "lambda:DeleteBatch", "caller": SEND, "effect": "lose"},
    "run done, not reported": {
        "operation": "lambda:RunFunction",
        "caller": SEND,
        "effect": "fail",
        "phase": "after",
    },
    "order delivered twice": {
        "operation": "sns:DeliverToQueue",
        "match": "local-send ",
        "effect": "duplicate",
    },
    "event throttled": {**EVENT, "effect": "throttle"},
    "tracker killed before event": {**EVENT, "effect": "kill", "phase": "before"},
    "tracker killed after event": {**EVENT, "effect": "kill", "phase": "after"},
    "events done, not deleted": {"operation": "lambda:DeleteBatch", "caller": TRACK, "effect": "lose"},
    "event published twice": {"operation": "ses:PublishEvent", "effect": "duplicate", "seconds": [0, 2]},
    "event late": {"operation": "ses:PublishEvent", "effect": "delay", "seconds": [0.5, 3]},
}
"""Broken calls. A call of the send path is one for each order, a batch one for up to ten."""

BATCHED = ("batch done, not deleted", "run done, not reported", "events done, not deleted")

RANDOM_KILLS: dict[str, dict[str, Any]] = {
    "sender killed at random": {"operation": "timer", "caller": SEND, "effect": "kill"},
    "tracker killed at random": {"operation": "timer", "caller": TRACK, "effect": "kill"},
}

TRACKER_DOWN = "tracker down"

SHARED_BY = 8
"""Orders in a batch, while many wait."""

HITS_WANTED = 24
"""For 2,000 orders; a fault that hit less than 20 times did not show much."""
HITS_NEEDED = 20


def plan(orders: int) -> list[dict[str, Any]]:
    """The faults in force, spread over a run of so many orders.

    Each breaks calls of its own: of two that would break the same call only the first does.
    """
    hits = max(HITS_WANTED * orders // 2000, 3)
    alike: dict[str, list[str]] = defaultdict(list)
    for name, fault in FAULTS.items():
        alike[f"{fault['operation']} {fault.get('caller')} {fault.get('match')}"].append(name)
    broken = []
    for names in alike.values():
        for place, name in enumerate(names):
            every = max(orders // hits // (SHARED_BY if name in BATCHED else 1), len(names))
            calls = [round(every * (n + place / len(names))) + 1 for n in range(hits)]
            broken.append({"name": name, **FAULTS[name], "calls": calls})
    killed = [
        {"name": name, **fault, "seconds": [0.3, 1.0], "limit": hits} for name, fault in RANDOM_KILLS.items()
    ]
    down = {
        "name": TRACKER_DOWN,
        "operation": "lambda:RunFunction",
        "caller": TRACK,
        "effect": "fail",
        "phase": "before",
        "enabled": False,
    }
    return [down, *broken, *killed]


def hits_needed(orders: int) -> int:
    """How often each fault must hit in a run of so many orders."""
    return max(HITS_NEEDED * orders // 2000, 1)
