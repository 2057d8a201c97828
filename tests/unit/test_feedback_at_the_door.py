"""Whatever comes on the feedback queue: it is recorded, dropped as foreign, or set aside at once."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey
from notifications.ledger import Claim, SesEvent, Verdict
from notifications.tracking import EventOutcome, TrackDelivery, Tracked
from tests.support.documented_events import KINDS, PAYLOADS, documented_event
from tests.support.memory_ledger import MemoryLedger

KEY = NotificationKey("0f" * 16, "order_confirmation-0123456789abcdef")
NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
ROOM = 4096
"""Bytes that one entry of a history may have, of the 400 KB of an item."""

TEXTS = st.text(st.characters(), max_size=30) | st.sampled_from(
    [
        "",
        "~feedback",
        "path",
        "0f" * 16,
        "0F" * 16,
        "x" * 3000,
        "\ud800",
        "2099-01-01T00:00:00Z",
        "Bounce",
        "1e3",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.sampled_from(KINDS).map(lambda kind: json.loads(documented_event(kind, KEY, 1, 0)))


class StrictLedger(MemoryLedger):
    """Refuses what DynamoDB refuses, and any key of which no notification has one."""

    def record_event(self, key: NotificationKey, event: SesEvent) -> Verdict:
        assert key.is_well_formed
        assert event.id
        assert 0 < len(event.message_id) <= 256
        stored = json.dumps([*event.entry.items(), event.message_id, event.sent_at], ensure_ascii=False)
        assert len(stored.encode()) < ROOM
        assert stored.isprintable()
        return super().record_event(key, event)


class SetAside:
    """A dead-letter queue: the reason of each body."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def put(self, body: str, field: str, reason: str, email_type: str) -> None:
        self.reasons[body] = reason


def handled(body: str) -> tuple[Tracked, MemoryLedger, SetAside]:
    """What becomes of a message, on a ledger that has one notification that is under way."""
    store, dead_letters = StrictLedger(), SetAside()
    rules = SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED)
    store.claim(KEY, Claim(0, "2026-11-24T06:00:00.000Z", 1, "token", "content", rules, KEY.open_shard))
    return TrackDelivery(store, dead_letters, 900_000, now=lambda: NOW).handle(body), store, dead_letters


def assert_dealt_with(body: str) -> None:
    tracked, store, dead_letters = handled(body)
    assert set(store.items) == {KEY}
    assert bool(store.items[KEY]["history"]) == (tracked.outcome is EventOutcome.RECORDED)
    assert (body in dead_letters.reasons) == (tracked.outcome is EventOutcome.REFUSED)
    assert all(reason.isascii() and reason.isprintable() for reason in dead_letters.reasons.values())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a record can be changed: the way to each of its values."""
    parts: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    return [path, *(place for name, part in parts for place in places(part, (*path, name)))]


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The record with another value in a place; without the place if the value is Ellipsis."""
    if not path:
        return None if value is ... else value
    record = deepcopy(record)
    holder = record
    for name in path[:-1]:
        holder = holder[name]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return record


@given(TEXTS | VALUES.map(json.dumps))
def test_whatever_comes_is_dealt_with_at_once(body: str) -> None:
    assert_dealt_with(body)


@given(EVENTS, st.data())
def test_event_that_was_changed_anywhere_is_dealt_with_at_once(record: Any, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from(places(record)))
        record = changed(record, place, data.draw(st.just(...) | VALUES))
    assert_dealt_with(json.dumps(record))


@given(st.sampled_from([kind for kind in KINDS if kind[0] in PAYLOADS]), st.data())
def test_event_of_an_email_of_ours_is_recorded_whatever_it_says_besides(
    kind: tuple[str, dict[str, str]], data: st.DataObject
) -> None:
    record = json.loads(documented_event(kind, KEY, 1, 0))
    payload = PAYLOADS[kind[0]]
    for part in (payload, "mail"):
        free = sorted(record[part].keys() - {"tags", "messageId"})
        for name in data.draw(st.lists(st.sampled_from(free), max_size=3, unique=True)):
            record[part][name] = data.draw(VALUES)
    tracked, _, _ = handled(json.dumps(record))
    assert tracked.outcome is EventOutcome.RECORDED
