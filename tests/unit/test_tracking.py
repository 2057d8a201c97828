"""The use case of `track_delivery`, on a ledger in memory."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey
from notifications.ledger import Claim
from notifications.tracking import EventOutcome, TrackDelivery
from tests.support.documented_events import documented_event
from tests.support.memory_ledger import MemoryLedger

KEY = NotificationKey("0f" * 16, "order_confirmation")
NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)


class SetAside:
    """A dead-letter queue: the reason of each body."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}

    def put(self, body: str, field: str, reason: str, email_type: str) -> None:
        self.reasons[body] = reason


@pytest.fixture
def store() -> MemoryLedger:
    store = MemoryLedger()
    rules = SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED)
    store.claim(KEY, Claim(0, "2026-11-24T06:00:00.000Z", 1, "token", "content", rules, KEY.open_shard))
    return store


@pytest.fixture
def dead_letters() -> SetAside:
    return SetAside()


@pytest.fixture
def track(store: MemoryLedger, dead_letters: SetAside) -> TrackDelivery:
    return TrackDelivery(store, dead_letters, 900_000, now=lambda: NOW)


def complaint(number: int) -> str:
    record = json.loads(documented_event(("complaint", {"complaintFeedbackType": "abuse"}), KEY, 1, 0))
    record["complaint"]["feedbackId"] = f"feedback-{number}"
    return json.dumps(record)


def test_nothing_counts_twice_however_many_events_one_email_has(
    track: TrackDelivery, store: MemoryLedger
) -> None:
    done = [track.handle(complaint(number)) for number in [*range(400), *range(400)]]
    assert Counter(one.outcome for one in done) == {EventOutcome.RECORDED: 400, EventOutcome.REPEATED: 400}
    assert sum(one.complaints or 0 for one in done) == 400
    item = store.items[KEY]
    assert len(item["history"]) + len(item["event_ids"]) == 400
