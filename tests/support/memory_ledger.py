"""The ledger in memory: the same decisions and guards, with a dictionary in place of DynamoDB."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from notifications.evidence import Sign
from notifications.keys import NotificationKey
from notifications.ledger import (
    Abandonment,
    AttemptResult,
    Changes,
    Claim,
    Decide,
    Record,
    SesEvent,
    Settlement,
    Status,
    Verdict,
    Write,
)
from notifications.ledger_table import CONTENTION_LIMIT

Item = dict[str, Any]


def record_of(item: Item | None) -> Record | None:
    """What the decisions see of an item."""
    if item is None:
        return None
    return Record(
        status=Status(item["status"]),
        attempt=item["attempt"],
        token=item["token"],
        send_by_ms=item["send_by_ms"],
        fingerprint=item["fingerprint"],
        history=frozenset(item["history"]),
        event_ids=frozenset(item.get("event_ids", ())),
        claimed_at_ms=item.get("claimed_at_ms", 0),
        message_id=item.get("message_id", ""),
        duplicate_message_ids=frozenset(item.get("duplicate_message_ids", ())),
        answer=item.get("answer", ""),
        first_look_ms=item.get("first_look_ms"),
        decision=item.get("decision", ""),
    )


def changed(item: Item | None, changes: Changes) -> Item:
    """The item with the changes made, as UpdateItem makes them."""
    after = deepcopy(item or {})
    after |= {name: deepcopy(value) for name, value in changes.attributes.items()}
    for name, by in changes.increments.items():
        after[name] = after.get(name, 0) + by
    if changes.history_id is not None:
        after["history"][changes.history_id] = dict(changes.history_entry)
    for name, member in changes.members.items():
        after[name] = after.get(name, set()) | {member}
    for name in changes.removed:
        after.pop(name, None)
    return after


class MemoryLedger:
    """A ledger for unit tests; `writes` counts the writes that were tried.

    Parameters
    ----------
    markers
        Of events that were heard or discarded, with the time of the claim that each is about.
    """

    def __init__(self) -> None:
        self.items: dict[NotificationKey, Item] = {}
        self.markers: list[tuple[Sign, int]] = []
        self.writes = 0

    def claim(self, key: NotificationKey, claim: Claim, found: Record | None = None) -> Verdict:
        return self.apply(key, claim.decide, found)

    def record_result(self, key: NotificationKey, result: AttemptResult) -> Verdict:
        return self.apply(key, result.decide, Record(Status.SENDING, result.attempt, result.token))

    def record_event(self, key: NotificationKey, event: SesEvent) -> Verdict:
        return self.apply(key, event.decide, event.expects)

    def abandon(self, key: NotificationKey, abandonment: Abandonment) -> Verdict:
        return self.apply(key, abandonment.decide, self.find(key))

    def settle(self, key: NotificationKey, settlement: Settlement) -> Verdict:
        return self.apply(key, settlement.decide, self.find(key))

    def find(self, key: NotificationKey) -> Record | None:
        return record_of(self.items.get(key))

    def signs(self, around_ms: int, settle_window_ms: int) -> tuple[tuple[Sign, int], ...]:
        awaited = [
            (Sign.AWAITED, item["claimed_at_ms"])
            for item in self.items.values()
            if "open_shard" in item and Status(item["status"]).is_accepted
        ]
        found = [*awaited, *self.markers]
        return tuple(sign for sign in found if abs(sign[1] - around_ms) <= settle_window_ms)

    def mark(self, marker: Mapping[str, Any]) -> None:
        self.markers.append((Sign(marker["status"]["S"].lower()), int(marker["claimed_at_ms"]["N"])))

    def apply(self, key: NotificationKey, decide: Decide, assumed: Record | None) -> Verdict:
        record = assumed
        for _ in range(CONTENTION_LIMIT):
            step = decide(record)
            if not isinstance(step, Write):
                return step
            self.writes += 1
            record = self.find(key)
            if step.guard.holds(record):
                self.items[key] = changed(self.items.get(key), step.changes)
                return step.verdict
        raise AssertionError(f"decided on {record}, which nobody else changes, but may not write onto it")
