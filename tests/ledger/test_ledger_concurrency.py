"""Workers at the same moment: of those that claim one notification one sends, and no event is lost."""

from __future__ import annotations

import itertools
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import pytest

from notifications import ses_events
from notifications.audit import Decision, audit_item
from notifications.failures import LedgerUnavailableError
from notifications.feedback_path import FeedbackPath
from notifications.keys import NotificationKey
from notifications.ledger import (
    HISTORY_CAPACITY,
    Abandoned,
    Abandonment,
    Claim,
    Claimed,
    EventRecorded,
    EventRepeated,
    InFlight,
    SesEvent,
    Status,
)
from notifications.ledger_table import FEEDBACK_PATH_KEY, LedgerTable
from ops.dead_letters.abandoning import abandon
from tests.ledger.conftest import MOST_WORKERS
from tests.support.documented_events import KINDS, documented_event
from tests.support.ledger_table import create_ledger_table, stored_items, stored_path

T = TypeVar("T")

AT = "2026-11-24T06:00:00.000Z"
SETTLE_MS = 900_000
SEND_BY_MS = 60_000
CLAIM = Claim(
    now_ms=0, at=AT, send_by_ms=SEND_BY_MS, token="", fingerprint="content", settle_window_ms=SETTLE_MS
)
ALIVE = FeedbackPath(watermark_ms=10**9, recorded_at_ms=10**9, alive_since_ms=0)


@pytest.fixture
def table_name(client: Any) -> str:
    return create_ledger_table(client)


@pytest.fixture
def table(client: Any, table_name: str) -> LedgerTable:
    return LedgerTable(client, table_name)


def new_key() -> NotificationKey:
    return NotificationKey(uuid.uuid4().hex, "order_confirmation")


def at_once(*calls: Callable[[], T]) -> list[T]:
    """Make the calls at the same moment, each in a thread of its own; returns what they return."""
    ready = threading.Barrier(len(calls))

    def run(call: Callable[[], T]) -> T:
        ready.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def claimer(table: LedgerTable, key: NotificationKey, claim: Claim) -> Callable[[], Any]:
    return lambda: table.claim(key, claim)


def patient_claimer(table: LedgerTable, key: NotificationKey, claim: Claim) -> Callable[[], Any]:
    """A claimer that claims again when a transaction on the record was under way, as its message does."""

    def claimed() -> Any:
        while True:
            try:
                return table.claim(key, claim)
            except LedgerUnavailableError as error:
                if error.failure.code != "TransactionConflictException":
                    raise

    return claimed


def recorder(table: LedgerTable, key: NotificationKey, event: SesEvent) -> Callable[[], Any]:
    return lambda: table.record_event(key, event)


def test_one_worker_may_send_when_many_claim_at_once(table: LedgerTable) -> None:
    for _ in range(50):
        key = new_key()
        claims = [replace(CLAIM, token=f"worker {number}") for number in range(MOST_WORKERS)]

        verdicts = at_once(*(claimer(table, key, claim) for claim in claims))

        assert Counter(map(type, verdicts)) == {Claimed: 1, InFlight: MOST_WORKERS - 1}
        [granted] = [verdict for verdict in verdicts if isinstance(verdict, Claimed)]
        record = table.find(key)
        assert record
        assert (record.attempt, record.token) == (1, granted.token)


def test_one_worker_may_resend_when_many_find_that_an_attempt_was_never_made(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    key = new_key()
    table.claim(key, replace(CLAIM, token="first"))
    late = replace(
        CLAIM, now_ms=SEND_BY_MS + SETTLE_MS + 1, send_by_ms=SEND_BY_MS + SETTLE_MS + 60_000, feedback=ALIVE
    )

    verdicts = at_once(
        *(claimer(table, key, replace(late, token=f"worker {number}")) for number in range(MOST_WORKERS))
    )

    assert Counter(map(type, verdicts)) == {Claimed: 1, InFlight: MOST_WORKERS - 1}
    item = stored_items(client, table_name)[key]
    assert (item["attempt"], item["resends"]) == (2, 1)


def test_what_workers_claim_while_a_person_gives_it_up_is_either_sent_or_given_up(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    wish = Abandonment(1, AT, "cancelled", "content", SETTLE_MS, {"order_id": "A-1001"})
    for _ in range(25):
        key = new_key()
        audit = audit_item("dlq discard", Decision("operator", datetime.now(UTC), "cancelled"))

        verdicts = at_once(
            *(patient_claimer(table, key, replace(CLAIM, token=f"worker {number}")) for number in range(4)),
            partial(abandon, client, table_name, key, wish, audit),
        )

        record = table.find(key)
        assert record
        sent = sum(isinstance(verdict, Claimed) for verdict in verdicts)
        given_up = sum(isinstance(verdict, Abandoned) for verdict in verdicts)
        assert (sent, given_up) == ((0, 1) if record.status is Status.ABANDONED else (1, 0))
        noted = NotificationKey(audit["order_key"]["S"], audit["notification"]["S"])
        assert (noted in stored_items(client, table_name)) == bool(given_up)


def test_no_event_is_lost_when_all_arrive_at_once_and_twice(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    key = new_key()
    table.claim(key, replace(CLAIM, token="first"))
    events = [ses_events.read(documented_event(kind, key, 1, 0), AT).event for kind in KINDS]

    first = at_once(*(recorder(table, key, event) for event in events))
    again = at_once(*(recorder(table, key, event) for event in events))

    assert all(isinstance(verdict, EventRecorded) for verdict in first)
    assert again == [EventRepeated()] * len(events)
    item = stored_items(client, table_name)[key]
    assert set(item["history"]) == {event.id for event in events}
    assert item["status"] == Status.COMPLAINED


def test_copies_of_an_event_are_recorded_once_when_they_arrive_at_once(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    key = new_key()
    table.claim(key, replace(CLAIM, token="first"))
    event = ses_events.read(documented_event(("delivery", {}), key, 1, 0), AT).event

    verdicts = at_once(*[recorder(table, key, event)] * MOST_WORKERS)

    assert Counter(map(type, verdicts)) == {EventRecorded: 1, EventRepeated: MOST_WORKERS - 1}
    assert set(stored_items(client, table_name)[key]["history"]) == {event.id}


def test_every_event_is_kept_when_the_history_fills_up_at_once(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    key = new_key()
    table.claim(key, replace(CLAIM, token="first"))
    delays = [
        ses_events.read(documented_event(("delivery-delay", {}), key, 1, second), AT).event
        for second in range(HISTORY_CAPACITY - 4 + MOST_WORKERS)
    ]
    for delay in delays[:-MOST_WORKERS]:
        table.record_event(key, delay)

    at_once(*(recorder(table, key, delay) for delay in delays[-MOST_WORKERS:]))

    item = stored_items(client, table_name)[key]
    assert len(item["history"]) == HISTORY_CAPACITY
    assert item["history"].keys() | item["event_ids"] == {delay.id for delay in delays}


def test_feedback_path_is_as_if_workers_had_advanced_it_one_after_the_other(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    now_ms, before = 0, None
    for pause_ms in [SETTLE_MS // 2, SETTLE_MS + 1] * 10:
        now_ms += pause_ms
        # In time, late, and both by a clock that is ahead.
        arrivals = [
            (sent_at_ms, noted_at_ms)
            for noted_at_ms in (now_ms, now_ms + SETTLE_MS // 9)
            for sent_at_ms in (noted_at_ms, noted_at_ms - SETTLE_MS - 1)
        ]

        at_once(
            *(
                lambda sent_at_ms=sent, noted_at_ms=noted: table.advance_feedback_path(
                    sent_at_ms, noted_at_ms, SETTLE_MS
                )
                for sent, noted in arrivals
            )
        )

        after = table.feedback_path()
        assert after in [one_after_the_other(before, order) for order in itertools.permutations(arrivals)]
        before = after
    assert set(stored_items(client, table_name)) == {FEEDBACK_PATH_KEY}


def one_after_the_other(
    path: FeedbackPath | None, arrivals: tuple[tuple[int, int], ...]
) -> FeedbackPath | None:
    for sent_at_ms, noted_at_ms in arrivals:
        path = stored_path(path, sent_at_ms, noted_at_ms, SETTLE_MS)
    return path
