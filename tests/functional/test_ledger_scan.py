"""The daily check reads the whole ledger, and of it only what it needs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey, order_key
from notifications.ledger import Claim, Claimed, Status, accepted
from notifications.ledger_scan import SEGMENTS, LedgerScan
from notifications.ledger_table import LedgerTable, heard_marker
from notifications.overdue import UNRESOLVED, Entry
from tests.support.ledger_table import create_ledger_table

TABLE = "ledger"
CANARY = "ada.canary@example.com"
OLD, NEW = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
SINCE = datetime(2026, 11, 17, tzinfo=UTC)


class Recorder:
    """Passes calls on to the client and keeps their answers."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.pages: list[dict[str, Any]] = []

    def scan(self, **parameters: Any) -> dict[str, Any]:
        page: dict[str, Any] = self._client.scan(**parameters)
        self.pages.append(page)
        return page


@pytest.fixture
def dynamodb(client: Any) -> Any:
    create_ledger_table(client, TABLE)
    return client


RULES = SettlingRules(0, 0, ResendAfterSilence.ANSWERED)
WITHOUT_END = [status for status in Status if status.is_unsent or status.awaits_outcome]
EPOCH = datetime.fromtimestamp(0, UTC)


def begin(client: Any, order_id: str, at: datetime, **attributes: str) -> tuple[NotificationKey, Claimed]:
    """Claim a notification as send_email does."""
    key = NotificationKey(order_key(order_id), "order_confirmation")
    moment = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    personal = {"order_id": order_id, "recipient": CANARY, "recipient_key": "hash"}
    claim = Claim(0, moment, 0, "token", "print", RULES, key.open_shard, personal | attributes)
    claimed = LedgerTable(client, TABLE).claim(key, claim)
    assert isinstance(claimed, Claimed)
    return key, claimed


def finish(client: Any, order_id: str, at: datetime, status: str) -> NotificationKey:
    key, _ = begin(client, order_id, at)
    client.update_item(
        TableName=TABLE,
        Key={"order_key": {"S": key.order_key}, "notification": {"S": key.notification}},
        UpdateExpression="SET #status = :status",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":status": {"S": status}},
    )
    return key


def entries(client: Any) -> list[Entry]:
    return list(LedgerScan(client, TABLE).entries(UNRESOLVED, SINCE))


def test_notification_is_read_as_the_functions_have_written_it(dynamodb: Any) -> None:
    key, claimed = begin(dynamodb, "A-1", OLD)
    sent_at = "2026-10-01T00:00:01.250Z"
    LedgerTable(dynamodb, TABLE).record_result(key, accepted(claimed, "m-1", sent_at))
    moment = datetime.fromisoformat(sent_at)
    assert entries(dynamodb) == [
        Entry(
            key,
            "SENT",
            attempt=1,
            resends=0,
            created_at=OLD,
            updated_at=moment,
            send_by=EPOCH,
            sent_at=moment,
        )
    ]


def test_notification_without_an_end_is_read_however_old_it_is(dynamodb: Any) -> None:
    keys = {finish(dynamodb, f"A-{status}", OLD, status): status for status in WITHOUT_END}
    assert {one.key: one.status for one in entries(dynamodb)} == keys


def test_notification_with_an_end_is_read_only_when_it_is_of_the_days_to_account_for(dynamodb: Any) -> None:
    finish(dynamodb, "A-1", OLD, Status.DELIVERED)
    new = finish(dynamodb, "A-2", NEW, Status.DELIVERED)
    assert [one.key for one in entries(dynamodb)] == [new]


def test_items_of_the_system_are_left_out(dynamodb: Any) -> None:
    LedgerTable(dynamodb, TABLE).mark(heard_marker(1, 2, 3))
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "order_key": {"S": "~audit"},
            "notification": {"S": "1"},
            "created_at": {"S": "2026-11-20T00:00:00.000Z"},
        },
    )
    assert entries(dynamodb) == []


def test_everything_is_read_once_when_the_table_has_many_pages(dynamodb: Any) -> None:
    """A page ends at 1 MB of what is stored, of which the answer has only a part."""
    large = "x" * 300_000
    keys = [begin(dynamodb, f"A-{number}", OLD, reason=large)[0] for number in range(40)]
    recorder = Recorder(dynamodb)
    found = [one.key for one in entries(recorder)]
    assert len(recorder.pages) > 2 * SEGMENTS
    assert sorted(map(str, found)) == sorted(map(str, keys))


def test_answers_hold_nothing_that_a_customer_supplied(dynamodb: Any) -> None:
    begin(dynamodb, "A-secret-order", NEW)
    recorder = Recorder(dynamodb)
    [found] = entries(recorder)
    stored = dynamodb.scan(TableName=TABLE)["Items"]
    assert CANARY in str(stored)
    assert "A-secret-order" in str(stored)
    for canary in (CANARY, "A-secret-order"):
        assert canary not in str(found)
        assert canary not in str([page["Items"] for page in recorder.pages])
