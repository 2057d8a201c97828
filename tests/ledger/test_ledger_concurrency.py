"""Workers at the same moment: of those that claim one notification one sends, and no event is lost."""

from __future__ import annotations

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

from notifications import ledger, ses_events
from notifications.audit import Decision, audit_item
from notifications.evidence import Evidence, ResendAfterSilence, SettlingRules
from notifications.failures import LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger import (
    HISTORY_CAPACITY,
    Abandoned,
    Abandonment,
    Choice,
    Claim,
    Claimed,
    EventRecorded,
    EventRepeated,
    InFlight,
    LookAgain,
    Record,
    SesEvent,
    Settlement,
    Status,
    Write,
)
from notifications.ledger_table import LedgerTable, expressions
from ops import ledger_decisions
from tests.ledger.conftest import MOST_WORKERS
from tests.support.documented_events import KINDS, documented_event
from tests.support.ledger_table import create_ledger_table, primary_key, stored_items

T = TypeVar("T")

AT = "2026-11-24T06:00:00.000Z"
SETTLE_MS = 900_000
SEND_BY_MS = 60_000
CLAIM = Claim(
    now_ms=0,
    at=AT,
    send_by_ms=SEND_BY_MS,
    token="",
    fingerprint="content",
    rules=SettlingRules(SETTLE_MS, 3_600_000, ResendAfterSilence.ANSWERED),
    open_shard="0",
)
LATE = replace(
    CLAIM,
    now_ms=SEND_BY_MS + SETTLE_MS + 1,
    send_by_ms=SEND_BY_MS + SETTLE_MS + 60_000,
    evidence=Evidence("first", queues_empty=True),
)
SECOND_LOOK = replace(LATE, now_ms=LATE.now_ms + 60_000)


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


@pytest.fixture
def in_doubt(table: LedgerTable) -> NotificationKey:
    """A notification whose only attempt SES has answered with an error."""
    key = new_key()
    claimed = table.claim(key, replace(CLAIM, token="first"))
    assert isinstance(claimed, Claimed)
    table.record_result(key, ledger.answered(claimed, "InternalFailure", AT))
    return key


def test_one_worker_may_send_again_when_many_find_that_nothing_speaks_against_it(
    client: Any, table_name: str, table: LedgerTable, in_doubt: NotificationKey
) -> None:
    tokens = [f"worker {number}" for number in range(MOST_WORKERS)]

    first = at_once(*(claimer(table, in_doubt, replace(LATE, token=token)) for token in tokens))
    second = at_once(*(claimer(table, in_doubt, replace(SECOND_LOOK, token=token)) for token in tokens))

    assert Counter(map(type, first)) == {LookAgain: MOST_WORKERS}
    assert Counter(map(type, second)) == {Claimed: 1, InFlight: MOST_WORKERS - 1}
    item = stored_items(client, table_name)[in_doubt]
    assert (item["attempt"], item["resends"]) == (2, 1)


def test_event_wins_or_the_claim_does_when_they_come_at_once(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    for _ in range(25):
        key = new_key()
        claimed = table.claim(key, replace(CLAIM, token="first"))
        assert isinstance(claimed, Claimed)
        table.record_result(key, ledger.answered(claimed, "InternalFailure", AT))
        table.claim(key, LATE)
        sent = ses_events.read(documented_event(("send", {}), key, 1, 0), AT).event

        claim, _ = at_once(
            claimer(table, key, replace(SECOND_LOOK, token="second")), recorder(table, key, sent)
        )

        item = stored_items(client, table_name)[key]
        assert item["status"] == Status.SENT
        # Whoever was second knows of the first: the attempt that was made stays open until its own event.
        assert item["attempt"] == (2 if isinstance(claim, Claimed) else 1)
        assert ("open_shard" in item) == isinstance(claim, Claimed)


def test_persons_who_decide_at_once_make_one_attempt_at_most(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    for _ in range(25):
        key = new_key()
        table.claim(key, replace(CLAIM, token="first"))
        read = table.find(key)
        wishes = [
            Settlement(choice, 1, "first", LATE.now_ms, AT, "operator", "why", SETTLE_MS) for choice in Choice
        ]

        def settle(wish: Settlement, key: NotificationKey = key, read: Record | None = read) -> bool:
            step = wish.decide(read)
            assert isinstance(step, Write)
            try:
                client.update_item(
                    TableName=table_name, Key=primary_key(key), **expressions(step.guard, step.changes)
                )
            except client.exceptions.ConditionalCheckFailedException:
                return False
            return True

        decided = at_once(*(partial(settle, wish) for wish in wishes))
        claims = [
            table.claim(key, replace(LATE, token=f"worker {number}", evidence=None)) for number in range(2)
        ]

        final = sum(decided[choice] for choice in (0, 2))
        assert final <= 1
        assert sum(isinstance(verdict, Claimed) for verdict in claims) == 1 - final


def test_what_workers_claim_while_a_person_gives_it_up_is_either_sent_or_given_up(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    wish = Abandonment(1, AT, "cancelled", "content", SETTLE_MS, {"order_id": "A-1001"})
    for _ in range(25):
        key = new_key()
        audit = audit_item("dlq discard", Decision("operator", datetime.now(UTC), "cancelled"))

        verdicts = at_once(
            *(patient_claimer(table, key, replace(CLAIM, token=f"worker {number}")) for number in range(4)),
            partial(ledger_decisions.record, client, table_name, key, wish.decide, audit),
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


def test_second_message_is_counted_once_when_all_tell_of_it_at_once(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    key = new_key()
    table.claim(key, replace(CLAIM, token="first"))
    table.record_event(key, ses_events.read(documented_event(("send", {}), key, 1, 0), AT).event)
    events = [
        replace(ses_events.read(documented_event(kind, key, 2, 0), AT).event, message_id="message-2")
        for kind in KINDS
    ]

    verdicts = at_once(*(recorder(table, key, event) for event in events))

    assert [verdict.duplicate for verdict in verdicts].count(True) == 1
    assert stored_items(client, table_name)[key]["duplicate_message_ids"] == {"2:message-2"}
