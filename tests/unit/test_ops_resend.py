"""Which email may be sent once more, by which event, and that the same wish is the same resend."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.email_types import EmailTypes
from notifications.keys import notification_key
from notifications.ledger import Status
from notifications.order_event import Notification, parse
from notifications.times import iso
from ops import resend
from ops.errors import InputError, RefusedError
from ops.resend import Resend

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVENT = EmailTypes().get("order_confirmation").sample
ORDER_ID = EVENT["order_id"]
ADDRESS = EVENT["customer"]["email"]
FINAL = sorted(set(Status) - {Status.READY, Status.SENDING, Status.SENT, Status.DELAYED})


def given(**changes: Any) -> Notification:
    return resend.read(json.dumps(EVENT | changes), NOW, ORDER_ID)


def addressed(to: str) -> dict[str, Any]:
    return {"customer": EVENT["customer"] | {"email": to}}


def original(status: str = "BOUNCED", **changes: Any) -> dict[str, Any]:
    key = notification_key("order_confirmation", ORDER_ID)
    return {
        "order_key": key.order_key,
        "notification": key.notification,
        "order_id": ORDER_ID,
        "type": "order_confirmation",
        "status": status,
        "attempt": 1,
        "message_id": "m-1",
        "recipient": ADDRESS,
        "fingerprint": given().fingerprint,
        "sent_at": iso(NOW - timedelta(hours=1)),
        "updated_at": iso(NOW - timedelta(hours=1)),
    } | changes


def planned(
    *records: dict[str, Any],
    event: Notification | None = None,
    to: str | None = None,
    address_key: str = "k",
    reason: str = "ticket 1",
) -> Resend:
    return resend.plan(event or given(), records or [original()], to, address_key, reason, NOW)


def resent(status: str, **changes: Any) -> dict[str, Any]:
    notification = planned().key.notification
    return original(status, notification=notification, resend_of="order_confirmation") | changes


def published(of: Resend) -> Notification:
    """What the system reads of it."""
    return parse(of.event.body, NOW, EmailTypes())


def test_event_goes_to_the_new_address_and_says_what_the_first_one_said() -> None:
    again = published(planned(to="new@example.com"))
    assert again.recipient == "new@example.com"
    assert again.resend_id is not None
    assert {**again.data, **addressed(ADDRESS)} == {**EVENT, "resend": again.data["resend"]}


def test_event_goes_to_the_first_address_when_no_other_is_said() -> None:
    assert published(planned()).recipient == ADDRESS


def test_key_is_the_one_under_which_the_system_will_record_it() -> None:
    plan = planned()
    assert plan.key == notification_key("order_confirmation", ORDER_ID, (), published(plan).resend_id)
    assert plan.key != plan.original_key


def test_same_wish_is_the_same_resend_at_any_time() -> None:
    later = resend.plan(given(), [original()], None, "k", " ticket 1 ", NOW + timedelta(days=1))
    assert later.key == planned().key


@pytest.mark.parametrize(
    "other",
    [
        planned(address_key="other"),
        planned(reason="ticket 2"),
        planned(original(attempt=2)),
    ],
)
def test_another_address_reason_or_email_is_another_resend(other: Resend) -> None:
    assert other.key != planned().key


def test_wish_that_was_made_before_is_recognised() -> None:
    assert planned().done_before is None
    before = planned(original(), resent("SENT")).done_before
    assert before is not None
    assert before["status"] == "SENT"
    assert planned(original(), resent("SENT"), reason="ticket 2").done_before is None


@pytest.mark.parametrize("status", FINAL)
def test_email_that_has_ended_may_be_sent_once_more(status: Status) -> None:
    planned(original(status)).check(NOW)


@pytest.mark.parametrize("status", ["READY", "SENDING", "SENT", "DELAYED"])
def test_email_that_may_yet_arrive_is_not_sent_once_more(status: str) -> None:
    with pytest.raises(RefusedError, match=f"The email is {status}"):
        planned(original(status)).check(NOW)


@pytest.mark.parametrize("status", ["READY", "SENDING", "SENT", "DELAYED"])
def test_nothing_is_sent_while_an_earlier_resend_is_under_way(status: str) -> None:
    with pytest.raises(RefusedError, match=f"The last resend is {status}"):
        planned(original(), resent(status), reason="ticket 2").check(NOW)


@pytest.mark.parametrize("status", ["SENT", "DELAYED"])
def test_email_whose_outcome_never_came_may_be_sent_once_more(status: str) -> None:
    planned(original(status, sent_at=iso(NOW - timedelta(hours=73)))).check(NOW)


@pytest.mark.parametrize("status", ["READY", "SENDING"])
def test_unsent_email_is_never_sent_once_more_however_old(status: str) -> None:
    with pytest.raises(RefusedError):
        planned(original(status, updated_at=iso(NOW - timedelta(days=30)))).check(NOW)


def test_event_that_says_something_else_is_refused() -> None:
    other = given(total={"amount": "1.00", "currency": "USD"})
    with pytest.raises(RefusedError, match="says something else"):
        planned(event=other)


def test_event_may_have_another_address_by_now() -> None:
    again = planned(event=given(**addressed("moved@example.com")), to="new@example.com")
    assert published(again).recipient == "new@example.com"


def test_address_must_be_said_when_the_event_has_another_one() -> None:
    moved = given(**addressed("moved@example.com"))
    with pytest.raises(InputError, match="another address"):
        resend.recipient_of(moved, [original()], None)
    assert resend.recipient_of(moved, [original()], "new@example.com") == "new@example.com"
    assert resend.recipient_of(given(), [original()], None) == ADDRESS


def test_event_of_an_earlier_resend_does_as_well() -> None:
    event = given(resend={"id": "ticket-1", "requested_at": iso(NOW)})
    assert planned(event=event).key == planned().key


def test_record_that_only_a_log_told_of_takes_the_event_as_it_is() -> None:
    known = {name: part for name, part in original(fingerprint="").items() if name != "recipient"}
    assert resend.recipient_of(given(), [known], None) == ADDRESS
    assert published(planned(known)).recipient == ADDRESS


def test_order_without_a_record_is_refused() -> None:
    with pytest.raises(RefusedError, match="There is no record"):
        resend.plan(given(), [], None, "k", "ticket 1", NOW)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        (json.dumps(EVENT | {"items": []}), "items must be"),
        (json.dumps(EVENT | {"order_id": "B-2"}), "of order B-2"),
    ],
)
def test_event_that_is_not_the_order_s_is_wrong_input(content: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        resend.read(content, NOW, ORDER_ID)
