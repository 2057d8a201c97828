"""The faults of a run: each at the API boundary or inside AWS, none in the functions' code."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

SEND = "email-notifications-local-send-email"
TRACK = "email-notifications-local-track-delivery"

UPDATE = "dynamodb:UpdateItem"
CLAIM = {"operation": UPDATE, "caller": SEND, "match": "send_by_ms", "unless": "resends_by"}
TAKEOVER = {"operation": UPDATE, "caller": SEND, "match": "resends_by"}
RECORD = {"operation": UPDATE, "caller": SEND, "match": "message_id", "unless": "send_by_ms"}
SES = {"operation": "ses:SendEmail", "caller": SEND}
EVENT = {"operation": UPDATE, "caller": TRACK}
PUBLISHED = {"operation": "ses:PublishEvent"}

FAULTS: dict[str, dict[str, Any]] = {
    "claim throttled": {**CLAIM, "effect": "throttle"},
    "killed before claim": {**CLAIM, "effect": "kill"},
    "killed after claim": {**CLAIM, "effect": "kill", "phase": "after"},
    "claim made, answer lost": {**CLAIM, "effect": "reset", "phase": "after"},
    "killed before takeover": {**TAKEOVER, "effect": "kill"},
    "killed after takeover": {**TAKEOVER, "effect": "kill", "phase": "after"},
    "takeover made, answer lost": {**TAKEOVER, "effect": "reset", "phase": "after"},
    "SES throttles": {**SES, "effect": "throttle"},
    "SES answers 5xx, not accepted": {**SES, "effect": "server_error"},
    "SES answers 5xx, accepted": {**SES, "effect": "server_error", "phase": "after"},
    "SES silent, not accepted": {**SES, "effect": "no_answer"},
    "SES silent, accepted": {**SES, "effect": "no_answer", "phase": "after"},
    "SES silent, accepted later": {**SES, "effect": "delay", "seconds": [1.2, 2.5]},
    "connection reset, not accepted": {**SES, "effect": "reset"},
    "connection reset, accepted": {**SES, "effect": "reset", "phase": "after"},
    "killed before SendEmail": {**SES, "effect": "kill"},
    "killed after SendEmail": {**SES, "effect": "kill", "phase": "after"},
    "record throttled": {**RECORD, "effect": "throttle"},
    "killed before record": {**RECORD, "effect": "kill"},
    "killed after record": {**RECORD, "effect": "kill", "phase": "after"},
    "record made, answer lost": {**RECORD, "effect": "reset", "phase": "after"},
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
        "seconds": [0, 5],
    },
    "event throttled": {**EVENT, "effect": "throttle"},
    "tracker killed before event": {**EVENT, "effect": "kill"},
    "tracker killed after event": {**EVENT, "effect": "kill", "phase": "after"},
    "events done, not deleted": {"operation": "lambda:DeleteBatch", "caller": TRACK, "effect": "lose"},
    "event published twice": {**PUBLISHED, "effect": "duplicate", "seconds": [0, 2]},
    "event late": {**PUBLISHED, "effect": "delay", "seconds": [0.5, 2.5]},
}
"""Calls that break, one at a time. The SDK repeats a throttled write: what it can't mend is `TABLE_DOWN`."""

BATCHED = ("batch done, not deleted", "run done, not reported", "events done, not deleted")
"""Faults of calls that are made for a batch, not for each order."""
ORDERS_IN_A_BATCH = 8
"""While many wait."""

RANDOM_KILLS: dict[str, dict[str, Any]] = {
    "sender killed at random": {"operation": "timer", "caller": SEND, "effect": "kill"},
    "tracker killed at random": {"operation": "timer", "caller": TRACK, "effect": "kill"},
}
KILL_INTERVAL_SECONDS = [0.3, 1.0]

EVENTS_HELD = "events held back"
"""A setting of SES, not a fault of the emulator."""
TRACKER_DOWN = "tracker down"
TABLE_DOWN = "table down"
OUTAGES: dict[str, dict[str, Any]] = {
    TRACKER_DOWN: {"operation": "lambda:RunFunction", "caller": TRACK, "effect": "fail"},
    TABLE_DOWN: {"operation": "dynamodb:*Item", "effect": "throttle"},
}
"""All calls break, for as long as `run` says."""

HITS_NEEDED_OF_2000 = 20
"""A fault that hit less often did not show much."""
HITS_WANTED_OF_2000 = 24


def plan(orders: int, seed: int) -> list[dict[str, Any]]:
    """The faults of a run of so many orders, in the form of the emulator's control API.

    Which calls break is drawn by the seed. Each fault breaks calls of its own, and outages come last: of two
    faults that would break the same call only the first does.
    """
    rng = random.Random(f"{seed}/faults")
    hits = max(HITS_WANTED_OF_2000 * orders // 2000, 1)
    alike: dict[tuple[Any, ...], list[str]] = defaultdict(list)
    for name, fault in FAULTS.items():
        alike[fault["operation"], fault.get("caller"), fault.get("match"), fault.get("phase")].append(name)
    broken = []
    for names in alike.values():
        wanted = hits * len(names)
        calls = rng.sample(range(1, max(_calls_at_least(names[0], orders), wanted) + 1), wanted)
        broken += [
            {"name": name, **FAULTS[name], "calls": sorted(calls[place :: len(names)])}
            for place, name in enumerate(names)
        ]
    killed = [
        {"name": name, **fault, "seconds": KILL_INTERVAL_SECONDS, "limit": hits}
        for name, fault in RANDOM_KILLS.items()
    ]
    outages = [{"name": name, **fault, "enabled": False} for name, fault in OUTAGES.items()]
    return [*broken, *killed, *outages]


def _calls_at_least(name: str, orders: int) -> int:
    """How many calls that the fault could break there certainly are in a run."""
    if FAULTS[name].items() >= TAKEOVER.items():
        return 0  # as many as other faults make necessary: the first ones break
    if FAULTS[name].items() >= RECORD.items():
        return orders * 7 // 10  # where SES does not answer, there is nothing to record
    return orders // ORDERS_IN_A_BATCH if name in BATCHED else orders


def hits_needed(name: str, orders: int) -> int:
    """How often a fault must hit in a run of so many orders. An outage gets no longer with the run."""
    needed = max(HITS_NEEDED_OF_2000 * orders // 2000, 1)
    return min(needed, HITS_NEEDED_OF_2000) if name in (EVENTS_HELD, *OUTAGES) else needed
