"""The ledger's table against its model: the same steps on both, then the same verdicts and the same items.

The model is the ledger in memory, whose rules tests/model/test_ledger_model.py enumerates. Whatever workers,
retries and events do to one notification, in any order, DynamoDB has to make of it what the model makes.
"""

from __future__ import annotations

from dataclasses import dataclass
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
from notifications.evidence import Evidence, ResendAfterSilence, SettlingRules, Sign
from notifications.keys import NotificationKey
from notifications.ledger import (
    HISTORY_CAPACITY,
    Abandoned,
    Abandonment,
    Choice,
    Claim,
    Claimed,
    Record,
    SesEvent,
    Settlement,
    Write,
)
from notifications.ledger_table import LedgerTable, discarded_marker, expressions, heard_marker
from ops import ledger_decisions
from tests.support.documented_events import KINDS, documented_event
from tests.support.ledger_table import create_ledger_table, primary_key, stored_items
from tests.support.memory_ledger import MemoryLedger

SETTLE_MS = 900_000
KEY, NEIGHBOUR = (
    NotificationKey("0f" * 16, name) for name in ("order_confirmation", "shipping_update-0123456789abcdef")
)
KEYS = st.sampled_from([KEY, KEY, KEY, NEIGHBOUR])
ATTEMPTS = st.integers(1, 3)

# When a claim is made, counted from the `send_by_ms` of the attempt before: too early, just in time, late.
MOMENTS = st.sampled_from([-1, 0, 1, SETTLE_MS - 1, SETTLE_MS, SETTLE_MS + 1, SETTLE_MS + 1])
# What the worker has seen around the attempt before: nothing yet, nothing against it, an event that waits,
# what is stored; or something that another attempt was about.
CLEAR, NOT_LOOKED_AT, WAITING, AS_STORED, OF_ANOTHER = (
    "clear",
    "not looked at",
    "waiting",
    "as stored",
    "another's",
)
EVIDENCE = st.sampled_from([CLEAR, CLEAR, NOT_LOOKED_AT, WAITING, AS_STORED, OF_ANOTHER])
POLICIES = st.sampled_from([ResendAfterSilence.ANSWERED, *ResendAfterSilence])


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
            worker = self.claim_at(KEY, f"first {attempt}", 0, NOT_LOOKED_AT, "content")
            if attempt < attempts - 1:
                self.record_result(worker, ledger.released, 1)
        for second in range(delays if attempts else 0):
            self.record_event(KEY, attempts, ("delivery-delay", {}), second)

    # --- workers ------------------------------------------------------------------------------------

    @rule(
        target=workers,
        key=KEYS,
        token=st.sampled_from("abcdefgh"),
        moment=MOMENTS,
        evidence=EVIDENCE,
        fingerprint=st.sampled_from(["content", "content", "other content"]),
        policy=POLICIES,
        too_old=st.sampled_from([False, False, False, True]),
    )
    def claim(
        self,
        key: NotificationKey,
        token: str,
        moment: int,
        evidence: str,
        fingerprint: str,
        policy: ResendAfterSilence,
        too_old: bool,
    ) -> Worker:
        """A worker claims, with a token that is new, or that an attempt has already."""
        return self.claim_at(key, token, moment, evidence, fingerprint, policy, too_old)

    def claim_at(
        self,
        key: NotificationKey,
        token: str,
        moment: int,
        evidence: str,
        fingerprint: str,
        policy: ResendAfterSilence = ResendAfterSilence.ANSWERED,
        too_old: bool = False,
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
            rules=SettlingRules(SETTLE_MS, 3_600_000, policy),
            open_shard=key.open_shard,
            evidence=self.seen(evidence, record),
            too_old=too_old,
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
        found = self.model.find(worker.key) if worker.claim.too_old else None
        verdict = self.table.claim(worker.key, worker.claim, found)
        assert verdict == self.model.claim(worker.key, worker.claim, found)
        if isinstance(verdict, Claimed):
            worker.granted = verdict

    def seen(self, evidence: str, record: Record | None) -> Evidence | None:
        if record is None or evidence == NOT_LOOKED_AT:
            return None
        token = "another" if evidence == OF_ANOTHER else record.token
        stored = self.table.signs(record.claimed_at_ms, SETTLE_MS) if evidence == AS_STORED else ()
        assert evidence != AS_STORED or sorted(stored) == sorted(
            self.model.signs(record.claimed_at_ms, SETTLE_MS)
        )
        return Evidence(token, evidence != WAITING, stored)

    @rule(
        worker=workers.filter(lambda worker: worker.granted is not None),
        result=st.sampled_from(
            [ledger.released, ledger.answered, ledger.answered, ledger.accepted, ledger.failed]
        ),
        times=st.integers(1, 2),
    )
    def record_result(self, worker: Worker, result: Any, times: int) -> None:
        """A worker reports of its attempt, which may be long over; twice if it got no answer."""
        reported = result(worker.granted, f"said by {worker.claim.token}", self.at())
        for _ in range(times):
            verdict = self.table.record_result(worker.key, reported)
            assert verdict == self.model.record_result(worker.key, reported)

    @rule(worker=workers.filter(lambda worker: worker.granted is not None), second=st.booleans())
    def look_twice(self, worker: Worker, second: bool) -> None:
        """SES answered an attempt with an error, and somebody looks for evidence, once or twice."""
        self.record_result(worker, ledger.answered, 1)
        for moment in (SETTLE_MS + 1, SETTLE_MS + 60_001) if second else (SETTLE_MS + 1,):
            self.claim_at(worker.key, "who looks", moment, CLEAR, "content")

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
        verdict = ledger_decisions.record(self.client, self.table_name, key, wish.decide, audit)
        assert verdict == self.model.abandon(key, wish)
        self.given_up += isinstance(verdict, Abandoned)

    @rule(
        key=KEYS,
        moment=MOMENTS,
        choice=st.sampled_from(Choice),
        shown=st.sampled_from(["as it is", "as it is", "another token", "another attempt"]),
    )
    def settle(self, key: NotificationKey, moment: int, choice: Choice, shown: str) -> None:
        """A person settles the attempt that was shown, which need not be the current one."""
        record = self.model.find(key)
        attempt, token, send_by_ms = (
            (record.attempt, record.token, record.send_by_ms) if record else (1, "", 0)
        )
        wish = Settlement(
            choice=choice,
            attempt=attempt + (shown == "another attempt"),
            token="another" if shown == "another token" else token,
            now_ms=send_by_ms + moment,
            at=self.at(),
            by="operator",
            reason="why",
            settle_window_ms=SETTLE_MS,
        )
        step = wish.decide(self.table.find(key))
        if isinstance(step, Write):
            self.client.update_item(
                TableName=self.table_name, Key=primary_key(key), **expressions(step.guard, step.changes)
            )
            assert self.model.settle(key, wish) == step.verdict
        else:
            assert self.model.settle(key, wish) == step

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

    @rule(at_ms=st.sampled_from([0, SETTLE_MS, SETTLE_MS + 60_001]), heard=st.booleans())
    def mark(self, at_ms: int, heard: bool) -> None:
        """An event has come, or was thrown away."""
        self.steps += 1
        if heard:
            self.table.mark(heard_marker(self.steps, at_ms, 2_000_000_000))
        else:
            self.table.mark(discarded_marker(str(self.steps), at_ms, 2_000_000_000))
        self.model.markers.append((Sign.HEARD if heard else Sign.DISCARDED, at_ms))

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
        markers = [key for key in items if key.order_key in ("~heard", "~discarded")]
        assert len(markers) == len(self.model.markers)
        for key in markers:
            del items[key]
        audits = [key for key in items if key.order_key == AUDIT_ORDER_KEY]
        assert len(audits) == self.given_up
        for key in audits:
            del items[key]
        assert items == self.model.items


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
