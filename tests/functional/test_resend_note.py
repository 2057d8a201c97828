"""A resend is noted in the original's record before it is published, and the next one finds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer

from notifications.audit import Decision
from notifications.keys import order_key
from notifications.times import iso
from ops import ledger_lookup, resend
from ops.errors import RefusedError
from ops.resend import Resend
from tests.support.ledger_table import stored_items
from tests.unit.test_ops_resend import NOW, ORDER_ID, given, original, resent

ADA, BOB = "arn:aws:sts::111122223333:assumed-role/ops/ada", "arn:aws:sts::111122223333:assumed-role/ops/bob"


@pytest.fixture
def table(client: Any, table_name: str) -> str:
    put(client, table_name, original())
    return table_name


def put(client: Any, table_name: str, item: dict[str, Any]) -> None:
    client.put_item(
        TableName=table_name, Item={name: TypeSerializer().serialize(value) for name, value in item.items()}
    )


def planned(client: Any, table_name: str, reason: str) -> Resend:
    records = ledger_lookup.find_order(client, table_name, ORDER_ID)
    return resend.plan(given(), records, None, "k", reason, NOW)


def noted(client: Any, table_name: str) -> Any:
    items = stored_items(client, table_name)
    return next(item for key, item in items.items() if key.order_key == order_key(ORDER_ID))


def audits(client: Any, table_name: str) -> list[Any]:
    return [item for key, item in stored_items(client, table_name).items() if key.order_key == "~audit"]


def test_resend_is_noted_with_its_audit_item(client: Any, table: str) -> None:
    one = planned(client, table, "ticket 1")
    resend.note(client, table, one, Decision(ADA, NOW, "ticket 1"))

    record = noted(client, table)
    assert (record["resent_as"], record["resent_at"], record["resent_by"]) == (
        one.key.notification,
        iso(NOW),
        ADA,
    )
    assert [item["resend"] for item in audits(client, table)] == [one.key.notification]


def test_email_whose_record_moved_meanwhile_is_looked_at_again(client: Any, table: str) -> None:
    one = planned(client, table, "ticket 1")
    put(client, table, original("COMPLAINED"))
    with pytest.raises(RefusedError, match="has just changed"):
        resend.note(client, table, one, Decision(ADA, NOW, "ticket 1"))
    assert "resent_as" not in noted(client, table)


def test_other_words_within_a_day_need_a_flag_and_tell_who_was_first(client: Any, table: str) -> None:
    resend.note(client, table, planned(client, table, "ticket 1"), Decision(ADA, NOW, "ticket 1"))
    put(client, table, {**resent("DELIVERED"), "order_key": order_key(ORDER_ID)})

    another = planned(client, table, "ticket 2")
    with pytest.raises(RefusedError, match=f"{ADA} has resent it at .*--again"):
        another.check(NOW + timedelta(hours=23))
    another.check(NOW + timedelta(hours=25))
    another.check(NOW + timedelta(hours=1), again=True)
    resend.note(client, table, another, Decision(BOB, NOW + timedelta(hours=1), "ticket 2"))
    assert [item["resent_by"] for item in [noted(client, table)]] == [BOB]


def test_resend_that_is_not_sent_yet_is_waited_for_however_long(client: Any, table: str) -> None:
    resend.note(client, table, planned(client, table, "ticket 1"), Decision(ADA, NOW, "ticket 1"))
    another = planned(client, table, "ticket 2")
    with pytest.raises(RefusedError, match="that email is not sent yet"):
        another.check(NOW + timedelta(days=2))


def test_killed_command_goes_on_when_it_is_repeated(client: Any, table: str) -> None:
    resend.note(client, table, planned(client, table, "ticket 1"), Decision(ADA, NOW, "ticket 1"))
    same = planned(client, table, "ticket 1")
    same.check(NOW + timedelta(minutes=1))
    resend.note(client, table, same, Decision(ADA, NOW + timedelta(minutes=1), "ticket 1"))
    assert noted(client, table)["resent_as"] == same.key.notification
