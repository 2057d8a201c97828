"""The main job: an order event becomes one tracked email."""

from __future__ import annotations

import json

import pytest

from tests.support.system import System, order, order_id, wait_for


def test_order_becomes_one_tracked_email(system: System) -> None:
    id_ = order_id()
    system.publish(order(id_))
    record = system.wait_for_status(id_, "DELIVERED")
    [message] = system.accepted(id_)
    assert message["to"] == ["success@simulator.amazonses.com"]
    assert message["configuration_set"] == system.outputs["ConfigurationSetName"]
    assert record["message_id"] == message["message_id"]
    assert sorted(entry["event"] for entry in record["history"].values()) == ["Delivery", "Send"]


def test_email_carries_the_order_in_html_and_text(system: System) -> None:
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")
    [message] = system.accepted(id_)
    for body in (message["html"], message["text"]):
        assert id_ in body
        assert "Green tea" in body


@pytest.mark.parametrize(
    ("mailbox", "status"),
    [
        ("success", "DELIVERED"),
        ("bounce", "BOUNCED"),
        ("ooto", "DELIVERED"),
        ("complaint", "COMPLAINED"),
        ("suppressionlist", "SUPPRESSED"),
    ],
)
def test_record_tells_what_became_of_the_email(system: System, mailbox: str, status: str) -> None:
    id_ = order_id()
    system.publish(order(id_, to=f"{mailbox}+{id_}@simulator.amazonses.com"))
    system.wait_for_status(id_, status)


def test_order_published_three_times_is_sent_once(system: System) -> None:
    id_ = order_id()
    system.publish(order(id_), times=3)
    system.wait_for_status(id_, "DELIVERED")
    system.wait_until_drained()
    assert len(system.accepted(id_)) == 1


def test_burst_of_orders_is_sent_completely_and_once(system: System) -> None:
    ids = [order_id() for _ in range(60)]
    for id_ in ids:
        system.publish(order(id_))
    for id_ in ids:
        system.wait_for_status(id_, "DELIVERED")
    subjects = [message["subject"] for message in system.control.accepted()]
    assert [sum(id_ in subject for subject in subjects) for id_ in ids] == [1] * len(ids)


BAD_EVENTS = {
    "not json": "{",
    "wrong type": json.dumps([1, 2]),
    "missing field": json.dumps({"type": "order_confirmation", "order_id": "A-1"}),
    "wrong field": json.dumps(order(total={"amount": 19.9, "currency": "USD"})),
    "unknown type": json.dumps(order(type="no_such_type")),
    "address with a newline": json.dumps(order(to="ada@example.com\nBcc: eve@example.com")),
    "255 KiB": json.dumps(order(note="x" * 254 * 1024)),
}


@pytest.mark.parametrize("event", BAD_EVENTS.values(), ids=BAD_EVENTS.keys())
def test_malformed_event_ends_in_the_dead_letter_queue_with_its_reason(system: System, event: str) -> None:
    before = len(system.control.accepted())
    system.publish(event)
    attributes = wait_for("the dead letter", lambda: system.dead_letters().get(event))
    assert set(attributes) == {"error_field", "error_reason", "email_type", "correlation_id"}
    assert all(attributes.values())
    assert len(system.control.accepted()) == before


def test_malformed_events_break_no_neighbour_in_their_batch(system: System) -> None:
    ids = [order_id() for _ in range(4)]
    huge = json.dumps(order(note="y" * 300_000))
    good = [json.dumps(order(id_)) for id_ in ids]
    system.enqueue(good[0], "[", good[1], json.dumps({"type": 5}), good[2])
    system.enqueue(huge)
    system.enqueue(good[3])
    for id_ in ids:
        system.wait_for_status(id_, "DELIVERED")
        assert len(system.accepted(id_)) == 1
    bad = {"[", json.dumps({"type": 5}), huge}
    wait_for("the dead letters", lambda: bad <= system.dead_letters().keys())


def test_customers_words_never_become_markup_or_headers(system: System) -> None:
    id_ = order_id()
    nasty = "</td><script>alert(1)</script>{{ 7*7 }}"
    item = {"sku": "X", "name": nasty, "quantity": 1, "unit_price": "1.00"}
    system.publish(order(id_, items=[item]))
    system.wait_for_status(id_, "DELIVERED")
    [message] = system.accepted(id_)
    assert "<script>" not in message["html"]
    assert "&lt;script&gt;" in message["html"]
    assert "{{ 7*7 }}" in message["text"]
