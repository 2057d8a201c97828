"""A person's decision in DynamoDB: with its audit item or not at all, whoever else writes meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from notifications.audit import AUDIT_ORDER_KEY, Decision, audit_item
from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey
from notifications.ledger import Abandoned, Abandonment, AlreadyHandled, Claim, Claimed, InFlight, Status
from notifications.ledger_table import CONTENTION_LIMIT, LedgerTable
from ops import ledger_decisions, ledger_view
from ops.errors import OpsError
from tests.support.ledger_table import stored_items

KEY = NotificationKey("0f" * 16, "order_confirmation")
AT = "2026-11-24T06:00:00.000Z"
CLAIM = Claim(
    now_ms=0,
    at=AT,
    send_by_ms=60_000,
    token="worker",
    fingerprint="content",
    rules=SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED),
    open_shard="0",
)
GIVE_UP = Abandonment(
    now_ms=0,
    at=AT,
    reason="The order was cancelled",
    fingerprint="content",
    settle_window_ms=900_000,
    attributes={"order_id": "A-1001", "expires_at": 1_800_000_000},
)
AUDIT = audit_item("dlq discard", Decision("operator", datetime(2026, 11, 24, tzinfo=UTC), "cancelled"))


class Racing:
    """A client whose transactions come too late: something happens just before each."""

    def __init__(self, client: Any, before: Callable[[], object]) -> None:
        self._client, self._before = client, before

    def __getattr__(self, operation: str) -> Any:
        return getattr(self._client, operation)

    def transact_write_items(self, **call: Any) -> Any:
        self._before()
        return self._client.transact_write_items(**call)


def racing(client: Any, before: Callable[[], object]) -> Any:
    return Racing(client, before)


def audits(client: Any, table_name: str) -> int:
    return sum(key.order_key == AUDIT_ORDER_KEY for key in stored_items(client, table_name))


def test_what_is_given_up_has_a_whole_record_and_an_audit_item(client: Any, table_name: str) -> None:
    assert ledger_decisions.record(client, table_name, KEY, GIVE_UP.decide, AUDIT) == Abandoned()
    assert stored_items(client, table_name)[KEY] == {
        "order_id": "A-1001",
        "expires_at": 1_800_000_000,
        "status": "ABANDONED",
        "reason": "The order was cancelled",
        "attempt": 0,
        "token": "",
        "send_by_ms": 0,
        "fingerprint": "content",
        "created_at": AT,
        "updated_at": AT,
        "history": {},
        "resends": 0,
    }
    assert audits(client, table_name) == 1


def test_find_tells_why_it_was_given_up() -> None:
    item = {"status": "ABANDONED", "reason": "The order was cancelled", "updated_at": AT}
    assert ledger_view.meaning(item).endswith("Reason: The order was cancelled.")
    assert ledger_view.timeline(item)[-1].text == "Not sent: The order was cancelled"


def test_what_is_given_up_twice_is_noted_once(client: Any, table_name: str) -> None:
    ledger_decisions.record(client, table_name, KEY, GIVE_UP.decide, AUDIT)
    other = audit_item("dlq discard", Decision("another", datetime(2026, 11, 25, tzinfo=UTC), "again"))
    assert ledger_decisions.record(client, table_name, KEY, GIVE_UP.decide, other) == AlreadyHandled(
        Status.ABANDONED
    )
    assert audits(client, table_name) == 1


def test_worker_that_claims_at_the_last_moment_wins(client: Any, table_name: str) -> None:
    def claim() -> None:
        assert isinstance(LedgerTable(client, table_name).claim(KEY, CLAIM), Claimed)

    verdict = ledger_decisions.record(racing(client, claim), table_name, KEY, GIVE_UP.decide, AUDIT)
    assert verdict == InFlight(CLAIM.send_by_ms + GIVE_UP.settle_window_ms)
    assert stored_items(client, table_name)[KEY]["status"] == "SENDING"
    assert audits(client, table_name) == 0


def test_other_transaction_on_the_record_is_waited_for(client: Any, table_name: str) -> None:
    conflicts = [_cancelled("TransactionConflict")]

    def conflict() -> None:
        if conflicts:
            raise conflicts.pop()

    assert (
        ledger_decisions.record(racing(client, conflict), table_name, KEY, GIVE_UP.decide, AUDIT)
        == Abandoned()
    )


def test_record_that_never_rests_is_told_of(client: Any, table_name: str) -> None:
    tries = []

    def conflict() -> None:
        tries.append(1)
        raise _cancelled("TransactionConflict")

    with pytest.raises(OpsError, match="keeps changing"):
        ledger_decisions.record(racing(client, conflict), table_name, KEY, GIVE_UP.decide, AUDIT)
    assert len(tries) == CONTENTION_LIMIT


def test_error_that_is_no_race_is_raised(client: Any, table_name: str) -> None:
    def throttle() -> None:
        raise _cancelled("ProvisionedThroughputExceeded")

    with pytest.raises(ClientError):
        ledger_decisions.record(racing(client, throttle), table_name, KEY, GIVE_UP.decide, AUDIT)


def test_table_that_is_not_there_is_told_of_with_what_to_do(client: Any) -> None:
    with pytest.raises(OpsError, match="refused"):
        ledger_decisions.record(client, "no-such-table", KEY, GIVE_UP.decide, AUDIT)


def _cancelled(code: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
        "CancellationReasons": [{"Code": code}, {"Code": "None"}],
    }
    return ClientError(response, "TransactWriteItems")
