"""Dead letters: what is told of them, which are meant, and how they are grouped."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.commands.dlq_view import age
from ops.dead_letters.messages import Message, QueueName, Selection, grouped

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def message(
    body: Any = None,
    queue: QueueName = QueueName.SEND,
    id_: str = "m-1",
    waiting: timedelta = timedelta(0),
    **attributes: str,
) -> Message:
    return Message(
        queue=queue,
        id=id_,
        receipt_handle="handle",
        body=body if isinstance(body, str) else json.dumps(body or {}),
        attributes={name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()},
        waiting_since=NOW - waiting,
        first_received_at=None,
        receives=1,
    )


# --- what is told -----------------------------------------------------------------------------------


def test_reason_is_the_functions_own_without_the_number_of_the_element() -> None:
    refused = message(error_field="items[17].unit_price", error_reason="must be a decimal string")
    assert refused.reason == "items[].unit_price must be a decimal string"


@pytest.mark.parametrize(
    ("queue", "reason"),
    [
        (QueueName.SEND, "received too often"),
        (QueueName.FEEDBACK, "received too often"),
        (QueueName.ORDERS_UNDELIVERED, "not delivered by SNS"),
        (QueueName.FEEDBACK_UNDELIVERED, "not delivered by SNS"),
    ],
)
def test_reason_of_a_message_that_no_function_has_put_there_is_how_it_came(
    queue: QueueName, reason: str
) -> None:
    assert message(queue=queue, correlation_id="c-1").reason == reason


@pytest.mark.parametrize(
    ("attributes", "body", "expected"),
    [
        pytest.param({"email_type": "shipping_update"}, {}, "shipping_update", id="the-functions-own"),
        pytest.param({"type": "shipping_update"}, {}, "shipping_update", id="the-publishers-attribute"),
        pytest.param({}, {"type": "shipping_update"}, "shipping_update", id="the-events"),
        pytest.param({"email_type": "unknown"}, {"type": "newsletter"}, "newsletter", id="none-that-exists"),
        pytest.param({"type": "ada@example.com"}, {}, "unknown", id="no-type-at-all"),
        pytest.param({}, "no JSON", "unknown", id="not-readable"),
    ],
)
def test_type_is_what_the_message_says_if_it_can_be_one(
    attributes: dict[str, Any], body: Any, expected: str
) -> None:
    assert message(body, **attributes).type == expected


def test_type_of_feedback_is_the_kind_of_event() -> None:
    feedback = QueueName.FEEDBACK
    assert message({"eventType": "Rendering Failure"}, feedback).type == "Rendering_Failure"
    assert message([], feedback, email_type="unknown").type == "unknown"


@pytest.mark.parametrize("given", ["ada@example.com", "Ada Lovelace", 17, "", "x" * 65])
def test_order_id_that_could_be_a_customers_is_not_shown(given: object) -> None:
    assert message({"order_id": given}).order_id is None
    assert message({"order_id": "A-1001"}).order_id == "A-1001"


def test_body_is_in_no_error_text() -> None:
    assert "ada" not in repr(message({"customer": "ada"}, note="for ada"))


def test_correlation_id_that_is_none_is_replaced_by_the_messages_own() -> None:
    assert message(correlation_id="c-1").correlation_id == "c-1"
    assert message(correlation_id="ada@example.com").correlation_id == "m-1"


# --- which are meant --------------------------------------------------------------------------------

REFUSED = message({"type": "order_confirmation"}, error_field="total", error_reason="is missing")


@pytest.mark.parametrize(
    ("selection", "picked"),
    [
        pytest.param(Selection(), False, id="nothing-is-said"),
        pytest.param(Selection(everything=True), True, id="all"),
        pytest.param(Selection(ids=frozenset({"m-1", "m-2"})), True, id="by-id"),
        pytest.param(Selection(ids=frozenset({"m-2"})), False, id="another-id"),
        pytest.param(Selection(reason="total is missing"), True, id="by-reason"),
        pytest.param(Selection(reason="total"), False, id="part-of-the-reason"),
        pytest.param(Selection(frozenset({"m-2"}), "total is missing"), False, id="only-one-fits"),
    ],
)
def test_selection_picks_what_fits_all_that_is_said(selection: Selection, picked: bool) -> None:
    assert selection.picks(REFUSED) is picked


# --- groups -----------------------------------------------------------------------------------------


def test_groups_have_counts_and_ages_and_come_by_queue_and_size() -> None:
    hour = timedelta(hours=1)
    groups = grouped(
        [
            message(queue=QueueName.FEEDBACK),
            message(waiting=3 * hour, error_field="total", error_reason="is missing"),
            message(waiting=1 * hour),
            message(waiting=5 * hour),
            message(waiting=2 * hour),
        ]
    )
    assert [(group.queue, group.reason, group.count) for group in groups] == [
        ("send", "received too often", 3),
        ("send", "total is missing", 1),
        ("feedback", "received too often", 1),
    ]
    assert (NOW - groups[0].oldest, NOW - groups[0].newest) == (5 * hour, 1 * hour)


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(seconds=59), "0 min"),
        (timedelta(minutes=61), "1 h 1 min"),
        (timedelta(days=13, hours=23, minutes=59), "13 d 23 h"),
        (timedelta(seconds=-5), "0 min"),
    ],
)
def test_age_is_told_in_the_largest_units(passed: timedelta, text: str) -> None:
    assert age(NOW - passed, NOW) == text
