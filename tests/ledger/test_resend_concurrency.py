"""Operators who resend one order's email at the same moment, for different reasons: one gets through."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from notifications.audit import AUDIT_ORDER_KEY, Decision
from notifications.times import iso
from ops import ledger_lookup, resend
from ops.errors import RefusedError
from tests.support.ledger_table import create_ledger_table, stored_items
from tests.unit.test_ops_resend import NOW, ORDER_ID, given, original

OPERATORS = 8


def test_one_of_many_operators_at_the_same_moment_gets_through(client: Any) -> None:
    table_name = create_ledger_table(client)
    client.put_item(
        TableName=table_name,
        Item={name: TypeSerializer().serialize(value) for name, value in original().items()},
    )
    records = ledger_lookup.find_order(client, table_name, ORDER_ID)
    wishes = [resend.plan(given(), records, None, "k", f"ticket {n}", NOW) for n in range(OPERATORS)]
    start = threading.Barrier(OPERATORS)

    def note(number: int) -> str:
        start.wait()
        try:
            resend.note(client, table_name, wishes[number], Decision(f"operator-{number}", NOW, "ticket"))
        except RefusedError as refused:
            return str(refused)
        return ""

    with ThreadPoolExecutor(max_workers=OPERATORS) as threads:
        answers = list(threads.map(note, range(OPERATORS)))

    assert answers.count("") == 1
    winner = answers.index("")
    items = stored_items(client, table_name)
    assert items[wishes[winner].original_key]["resent_as"] == wishes[winner].key.notification
    assert len([key for key in items if key.order_key == AUDIT_ORDER_KEY]) == 1
    assert all(f"operator-{winner} has resent it at {iso(NOW)}" in answer for answer in answers if answer)
