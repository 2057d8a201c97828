"""The probe's order is one that the system takes, and takes for a probe."""

from __future__ import annotations

from datetime import UTC, datetime

from notifications.email_types import EmailTypes
from notifications.order_event import parse
from notifications.probe import is_probe
from tests.templates.model import deploy

SCHEDULED_AT = "2022-03-22T18:59:43Z"
"""As AWS writes the scheduled time:
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""


def test_probe_is_an_order_of_the_time_for_which_it_was_scheduled() -> None:
    schedule = deploy("prod")["sending"].resources["ProbeSchedule"].properties
    body = schedule["Target"]["Input"].replace("<aws.scheduler.scheduled-time>", SCHEDULED_AT)
    moment = datetime(2022, 3, 22, 18, 59, 43, tzinfo=UTC)

    order = parse(body, moment, EmailTypes())

    assert "<aws." not in body
    assert (order.type, order.order_id) == ("order_confirmation", f"probe-{SCHEDULED_AT}")
    assert order.occurred_at == moment
    assert is_probe(order.recipient)


def test_there_is_no_probe_where_it_is_turned_off() -> None:
    assert "ProbeSchedule" not in deploy("prod", ProbeMinutes="0")["sending"].resources
