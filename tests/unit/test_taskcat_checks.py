"""What is looked at in each region is seen to be right, or said to be wrong."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ci.taskcat import checks
from ci.taskcat.orders import Orders, make_orders
from ci.taskcat.region import CheckFailedError, Region
from notifications.keys import order_key
from ops.orders import Order

HERE = "eu-west-1"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:taskcat-root-dev-order-events"
ROLE = "arn:aws:iam::111122223333:role/tCaT-root-0a1b2c-SendEmailRole-1"


class FakeRegion(Region):
    """A region whose orders have all become what they must, until a test changes that."""

    def __init__(self, name: str = HERE, **outputs: str) -> None:
        target: Any = SimpleNamespace(patience_seconds=0, poll_seconds=0, control=None)
        super().__init__(target, name, ["stack"], outputs)
        self.all_outputs = list(outputs.items())
        sent = [order_key(order.order_id) for order in self.orders.sent]
        self.ledger = list(sent)
        self.accepted: list[str] | None = list(sent)
        self.refused = {
            self.orders.malformed.body: {"error_field": "items", "error_reason": "must not be empty"}
        }
        self.waiting: dict[str, int] = {}
        self.records = {order.order_id: record(order.expected, "Send") for order in self.orders.sent}

    def order_keys(self) -> set[str]:
        return set(self.ledger)

    def mails(self) -> list[dict[str, Any]] | None:
        return None if self.accepted is None else [{"tags": {"order_key": key}} for key in self.accepted]

    def refusal(self, order: Order) -> dict[str, str] | None:
        return self.refused.get(order.body)

    def depth(self, queue: str) -> int:
        return len(self.refused) if queue == checks.DEAD_LETTERS else self.waiting.get(queue, 0)

    def record(self, order: Any) -> dict[str, Any] | None:
        return self.records.get(order.order_id)


def record(status: str | None, *events: str) -> dict[str, Any]:
    return {
        "status": status,
        "history": {str(n): {"event": event, "at": "2026-11-24T10:30:00Z"} for n, event in enumerate(events)},
    }


@pytest.fixture
def region() -> FakeRegion:
    return FakeRegion()


def elsewhere() -> Orders:
    return make_orders("us-east-1")


# --- ARNs and names -------------------------------------------------------------------------------


def test_outputs_are_right_when_every_arn_names_the_region_and_roles_name_none() -> None:
    region = FakeRegion(
        TopicArn=TOPIC, RoleArn=ROLE, DashboardName="taskcat-root-dev-eu-west-1", Url="https://q"
    )
    assert checks.outputs_name_region(region, []) == "2 ARNs in 4 outputs"


def test_outputs_are_wrong_when_an_arn_names_another_region() -> None:
    region = FakeRegion("us-east-1", TopicArn=TOPIC)
    with pytest.raises(CheckFailedError, match=f"Not in us-east-1: TopicArn {TOPIC}"):
        checks.outputs_name_region(region, [])


def test_outputs_are_wrong_when_a_regional_arn_names_no_region() -> None:
    region = FakeRegion(TopicArn="arn:aws:sns::111122223333:taskcat")
    with pytest.raises(CheckFailedError):
        checks.outputs_name_region(region, [])


def test_outputs_are_wrong_when_the_dashboard_would_collide_with_another_regions() -> None:
    with pytest.raises(CheckFailedError, match="taskcat-root-dev does not name its region"):
        checks.outputs_name_region(FakeRegion(DashboardName="taskcat-root-dev"), [])


def test_roles_are_wrong_when_two_regions_have_made_the_same() -> None:
    region, other = FakeRegion(RoleArn=ROLE), FakeRegion("us-east-1", RoleArn=ROLE)
    assert checks.shares_no_role(region, []) == "1 roles of its own"
    with pytest.raises(CheckFailedError, match=ROLE):
        checks.shares_no_role(region, [other])


# --- what becomes of orders -----------------------------------------------------------------------


def test_order_is_right_when_its_email_has_the_status_and_was_sent_once(region: FakeRegion) -> None:
    assert checks.order_is_delivered(region, []) == "sent once, DELIVERED"
    assert checks.bounce_is_recorded(region, []) == "sent once, BOUNCED"
    assert checks.repeated_order_is_sent_once(region, []) == "published 2 times, sent once, DELIVERED"


def test_order_is_wrong_when_it_was_sent_twice(region: FakeRegion) -> None:
    region.records[region.orders.repeated.order_id] = record("DELIVERED", "Send", "Send")
    with pytest.raises(CheckFailedError, match="accepted it 2 times"):
        checks.repeated_order_is_sent_once(region, [])


def test_order_is_wrong_when_it_stays_in_another_status(region: FakeRegion) -> None:
    region.records[region.orders.bounced.order_id] = record("SENT", "Send")
    with pytest.raises(CheckFailedError, match=r"to be BOUNCED\. It is SENT: Accepted by SES"):
        checks.bounce_is_recorded(region, [])


def test_order_is_wrong_when_it_has_no_record(region: FakeRegion) -> None:
    region.records.clear()
    with pytest.raises(CheckFailedError, match="It has no record"):
        checks.order_is_delivered(region, [])


def test_refusal_is_right_when_the_dead_letter_tells_why(region: FakeRegion) -> None:
    assert checks.malformed_order_is_refused(region, []) == "items: must not be empty"


@pytest.mark.parametrize("refused", [{}, {"another": {"error_field": "a", "error_reason": "b"}}])
def test_refusal_is_wrong_when_the_order_is_no_dead_letter(region: FakeRegion, refused: Any) -> None:
    region.refused = refused
    with pytest.raises(CheckFailedError, match="in vain for the dead letter"):
        checks.malformed_order_is_refused(region, [])


def test_refusal_is_wrong_when_the_dead_letter_does_not_tell_why(region: FakeRegion) -> None:
    region.refused = {region.orders.malformed.body: {"email_type": "order_confirmation"}}
    with pytest.raises(CheckFailedError, match="does not tell why"):
        checks.malformed_order_is_refused(region, [])


# --- what is in a region --------------------------------------------------------------------------


def test_region_is_right_when_it_holds_its_own_orders(region: FakeRegion) -> None:
    assert checks.nothing_is_elsewhere(region, []) == "ledger 3 of 3, dead letters 1 of 1, mails 3 of 3"


def test_region_is_right_when_nobody_tells_what_ses_has_accepted(region: FakeRegion) -> None:
    region.accepted = None
    assert checks.nothing_is_elsewhere(region, []) == "ledger 3 of 3, dead letters 1 of 1"


def test_region_is_wrong_when_its_ledger_has_another_regions_order(region: FakeRegion) -> None:
    region.ledger.append(order_key(elsewhere().delivered.order_id))
    with pytest.raises(CheckFailedError, match="ledger has 4 orders"):
        checks.nothing_is_elsewhere(region, [])


def test_region_is_wrong_when_an_order_is_in_another_regions_ledger_instead(region: FakeRegion) -> None:
    region.ledger[0] = order_key(elsewhere().delivered.order_id)
    with pytest.raises(CheckFailedError, match="not its own"):
        checks.nothing_is_elsewhere(region, [])


def test_region_is_wrong_when_ses_has_accepted_a_mail_twice(region: FakeRegion) -> None:
    assert region.accepted is not None
    region.accepted.append(region.accepted[0])
    with pytest.raises(CheckFailedError, match="accepted 4 mails"):
        checks.nothing_is_elsewhere(region, [])


def test_region_is_wrong_when_it_has_another_regions_dead_letter(region: FakeRegion) -> None:
    region.refused[elsewhere().malformed.body] = {}
    with pytest.raises(CheckFailedError, match="dead-letter queue has 2 messages"):
        checks.nothing_is_elsewhere(region, [])


@pytest.mark.parametrize("queue", checks.EMPTY_IN_THE_END)
def test_region_is_wrong_when_a_message_is_left_in_a_queue(region: FakeRegion, queue: str) -> None:
    region.waiting[queue] = 1
    with pytest.raises(CheckFailedError, match=f"in vain for {queue} to be empty"):
        checks.nothing_is_elsewhere(region, [])


# --- a check as such ------------------------------------------------------------------------------


def test_check_passes_with_what_was_seen() -> None:
    check = checks.perform("order delivered", lambda: "sent once")
    assert (check.name, check.passed, check.detail) == ("order delivered", True, "sent once")


def test_check_fails_with_what_was_wrong() -> None:
    def look() -> str:
        raise CheckFailedError("It was sent twice.")

    check = checks.perform("order delivered", look)
    assert (check.passed, check.detail) == (False, "It was sent twice.")


def test_orders_of_two_regions_have_nothing_in_common() -> None:
    here, there = make_orders(HERE), make_orders("us-east-1")
    assert not {order.order_id for order in here.all} & {order.order_id for order in there.all}
    assert not {order.body for order in here.all} & {order.body for order in there.all}
