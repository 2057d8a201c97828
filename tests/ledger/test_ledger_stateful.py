"""The ledger's table against its model: the same steps on both, then the same verdicts and the same items.

The model is the ledger in memory, whose rules tests/model/test_ledger_model.py enumerates. Whatever workers,
retries and events do to one notification, in any order, DynamoDB has to make of it what the model makes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from notifications import ledger, ses_events
from notifications.audit import AUDIT_ORDER_KEY, Decision, audit_item
from notifications.feedback_path import FeedbackPath
from notifications.keys import NotificationKey
from notifications.ledger import HISTORY_CAPACITY, Abandoned, Abandonment, Claim, Claimed, SesEvent
from notifications.ledger_table import FEEDBACK_PATH_FRACTION, FEEDBACK_PATH_KEY, LedgerTable
from ops.dead_letters.abandoning import abandon
from tests.support.documented_events import KINDS, documented_event
from tests.support.ledger_table import create_ledger_table, primary_key, stored_items, stored_path
from tests.support.memory_ledger import MemoryLedger

SETTLE_MS = 900_000
PATH_STEP_MS = SETTLE_MS // FEEDBACK_PATH_FRACTION
KEY, NEIGHBOUR = (NotificationKey("0f" * 16, name) for name in ("order_confirmation", "shipping_update-1"))
KEYS = st.sampled_from([KEY, KEY, KEY, NEIGHBOUR])
ATTEMPTS = st.integers(1, 3)

# When a claim is made, counted from the `send_by_ms` of the attempt before: too early, just in time, late.
MOMENTS = st.sampled_from([-1, 0, 1, SETTLE_MS - 1, SETTLE_MS, SETTLE_MS + 1, SETTLE_MS + 1])
# What the worker has seen of the feedback path: nothing, a proof that no event of that attempt is missing, or
# how it falls short of one.
PROVEN, NOT_LOOKED_AT, TOO_OLD, RECOVERED, WAITING, AS_STORED = (
    "proven",
    "not looked at",
    "too old",
    "recovered lately",
    "events wait",
    "as stored",
)
FEEDBACK = st.sampled_from([PROVEN, PROVEN, NOT_LOOKED_AT, TOO_OLD, RECOVERED, WAITING, AS_STORED])


@dataclass
class Worker:
    """A worker that has received a notification's message."""

    key: NotificationKey
    claim: Claim
    granted: Claimed | None = None


class LedgerMachine(RuleBasedStateMachine):
    """Workers and feedback, at work on one table."""

    workers: Bundle[Worker] = Bundle("workers")
    events: Bundle[tuple[NotificationKey, SesEvent]] = Bundle("events")

    def __init__(self, client: Any) -> None:
        super().__init__()
        self.client = client
        self.table_name = create_ledger_table(client)
        self.table = LedgerTable(client, self.table_name)
        self.model = MemoryLedger()
        self.path: FeedbackPath | None = None
        self.clock_ms = 10 * SETTLE_MS
        self.given_up = 0
        self.steps = 0

    def at(self) -> str:
        """A time that no other step has, so that a write that should not have been made shows."""
        self.steps += 1
        return f"2026-11-24T06:00:00.{self.steps:03}Z"

    @initialize(
        attempts=st.integers(0, 2),
        delays=st.sampled_from([0, 0, 0, 0, HISTORY_CAPACITY - 1, HISTORY_CAPACITY]),
    )
    def begin(self, attempts: int, delays: int) -> None:
        """Most of what can go wrong needs a record, some of it a second attempt or a history that is full."""
        for attempt in range(attempts):
            self.claim(KEY, f"first {attempt}", SETTLE_MS + 1, PROVEN, "content")
        for second in range(delays if attempts else 0):
            self.record_event(KEY, attempts, ("delivery-delay", {}), second)

    # --- workers ------------------------------------------------------------------------------------

    @rule(
        target=workers,
        key=KEYS,
        token=st.sampled_from("abcdefgh"),
        moment=MOMENTS,
        feedback=FEEDBACK,
        fingerprint=st.sampled_from(["content", "other content"]),
    )
    def claim(self, key: NotificationKey, token: str, moment: int, feedback: str, fingerprint: str) -> Worker:
        """A worker claims, with a token that is new, or that an attempt has already."""
        return self.claim_at(key, token, moment, feedback, fingerprint)

    def claim_at(
        self, key: NotificationKey, token: str, moment: int, feedback: str, fingerprint: str
    ) -> Worker:
        record = self.model.find(key)
        send_by_ms = record.send_by_ms if record else 0
        now_ms = send_by_ms + moment
        claim = Claim(
            now_ms=now_ms,
            at=self.at(),
            send_by_ms=now_ms + 60_000,
            token=token,
            fingerprint=fingerprint,
            settle_window_ms=SETTLE_MS,
            feedback=self.seen(feedback, send_by_ms),
            attributes={
                "order_id": "A-1001",
                "type": "order_confirmation",
                "recipient": "ada@example.com",
                "recipient_key": "1e" * 16,
                "expires_at": 1_800_000_000,
            },
        )
        worker = Worker(key, claim)
        self.make(worker)
        return worker

    @rule(worker=workers)
    def claim_again(self, worker: Worker) -> None:
        """A worker got no answer to its claim."""
        self.make(worker)

    def make(self, worker: Worker) -> None:
        verdict = self.table.claim(worker.key, worker.claim)
        assert verdict == self.model.claim(worker.key, worker.claim)
        if isinstance(verdict, Claimed):
            worker.granted = verdict

    def seen(self, feedback: str, send_by_ms: int) -> FeedbackPath | None:
        settled_ms = send_by_ms + SETTLE_MS
        proven = FeedbackPath(watermark_ms=settled_ms, recorded_at_ms=settled_ms, alive_since_ms=0)
        return {
            NOT_LOOKED_AT: None,
            PROVEN: proven,
            TOO_OLD: replace(proven, watermark_ms=settled_ms - 1),
            RECOVERED: replace(proven, alive_since_ms=send_by_ms + 1),
            WAITING: replace(proven, waiting=True),
            AS_STORED: self.table.feedback_path(),
        }[feedback]

    @rule(
        worker=workers.filter(lambda worker: worker.granted is not None),
        result=st.sampled_from([ledger.released, ledger.released, ledger.accepted, ledger.failed]),
        times=st.integers(1, 2),
    )
    def record_result(self, worker: Worker, result: Any, times: int) -> None:
        """A worker reports of its attempt, which may be long over; twice if it got no answer."""
        reported = result(worker.granted, f"said by {worker.claim.token}", self.at())
        for _ in range(times):
            verdict = self.table.record_result(worker.key, reported)
            assert verdict == self.model.record_result(worker.key, reported)

    # --- operators ----------------------------------------------------------------------------------

    @rule(key=KEYS, moment=MOMENTS)
    def abandon(self, key: NotificationKey, moment: int) -> None:
        """A person gives the notification up; noted in the audit trail if, and only if, that is done."""
        record = self.model.find(key)
        wish = Abandonment(
            now_ms=(record.send_by_ms if record else 0) + moment,
            at=self.at(),
            reason="The order was cancelled",
            fingerprint="content",
            settle_window_ms=SETTLE_MS,
            attributes={"order_id": "A-1001", "recipient_key": "1e" * 16, "expires_at": 1_800_000_000},
        )
        audit = audit_item("discard", Decision("operator", datetime.fromtimestamp(0, UTC), "cancelled"))
        verdict = abandon(self.client, self.table_name, key, wish, audit)
        assert verdict == self.model.abandon(key, wish)
        self.given_up += isinstance(verdict, Abandoned)

    # --- feedback -----------------------------------------------------------------------------------

    @rule(target=events, key=KEYS, attempt=ATTEMPTS, kind=st.sampled_from(KINDS), second=st.integers(0, 1))
    def record_event(
        self, key: NotificationKey, attempt: int, kind: tuple[str, dict[str, str]], second: int
    ) -> tuple[NotificationKey, SesEvent]:
        """An event of an attempt arrives, whatever is on record of it."""
        said = ses_events.read(documented_event(kind, key, attempt, second), self.at()).event
        self.note(key, said)
        return key, said

    @rule(again=events)
    def record_event_again(self, again: tuple[NotificationKey, SesEvent]) -> None:
        """A copy of an event arrives."""
        self.note(*again)

    def note(self, key: NotificationKey, said: SesEvent) -> None:
        verdict = self.table.record_event(key, said)
        assert verdict == self.model.record_event(key, said)

    @rule(
        pause=st.sampled_from(
            [-PATH_STEP_MS, 0, 1, PATH_STEP_MS - 1, PATH_STEP_MS, SETTLE_MS, SETTLE_MS + 1]
        ),
        delay=st.sampled_from([0, 1, SETTLE_MS, SETTLE_MS + 1]),
    )
    def advance_feedback_path(self, pause: int, delay: int) -> None:
        """A `Send` event was recorded some time after the one before, maybe by a clock that is behind."""
        self.clock_ms += pause
        arrival = (self.clock_ms - delay, self.clock_ms, SETTLE_MS)
        self.table.advance_feedback_path(*arrival)
        self.model.advance_feedback_path(*arrival)
        self.path = stored_path(self.path, *arrival)

    @rule(target=workers, key=KEYS, token=st.sampled_from("abcdefgh"))
    def begin_anew(self, key: NotificationKey, token: str) -> Worker:
        """A record goes, since its time is up or its customer asked for that, and the order comes again."""
        self.client.delete_item(TableName=self.table_name, Key=primary_key(key))
        self.model.items.pop(key, None)
        return self.claim_at(key, token, 0, NOT_LOOKED_AT, "content")

    # --- what is stored -----------------------------------------------------------------------------

    @rule(key=KEYS)
    def find(self, key: NotificationKey) -> None:
        assert self.table.find(key) == self.model.find(key)

    @invariant()
    def items_are_the_models(self) -> None:
        items = stored_items(self.client, self.table_name)
        path = items.pop(FEEDBACK_PATH_KEY, None)
        audits = [key for key in items if key.order_key == AUDIT_ORDER_KEY]
        assert len(audits) == self.given_up
        for key in audits:
            del items[key]
        assert items == self.model.items
        if self.path is None:
            assert path is None
        else:
            assert path == {
                "watermark_ms": self.path.watermark_ms,
                "recorded_at_ms": self.path.recorded_at_ms,
                "alive_since_ms": self.path.alive_since_ms,
            }

    @invariant()
    def stored_path_claims_no_more_than_was_noted(self) -> None:
        """It is not written for every event: what it lacks may only make a worker wait longer."""
        if self.path and self.model.path:
            assert 0 <= self.model.path.watermark_ms - self.path.watermark_ms < PATH_STEP_MS
            assert 0 <= self.model.path.recorded_at_ms - self.path.recorded_at_ms < PATH_STEP_MS
            assert self.path.alive_since_ms >= self.model.path.alive_since_ms


def test_table_does_what_the_model_does(client: Any) -> None:
    """On failure the steps are printed, and the blob with which they are taken again."""

    class Machine(LedgerMachine):
        def __init__(self) -> None:
            super().__init__(client)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            derandomize=False,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
