"""Nothing of a customer's is in logs, metrics, attributes of dead letters, tags, outputs or notices.

Every value of a run's orders is a canary. A search that would find it however it is written finds each of
them in what SES was given, and none anywhere else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from tests.support.alerts import Subscriber
from tests.support.system import FAST, System, deployed, order, order_id, wait_for

HOUR = 3600
HASHES = ("md5", "sha1", "sha256")
HASH_PREFIX = 16
"""Characters of a hash by which a shortened one is found too."""


@dataclass(frozen=True)
class Canary:
    """A value that occurs nowhere else, and all the ways in which it might be written."""

    value: str

    def forms(self) -> Iterator[str]:
        """Texts of which each betrays the value; compared without case."""
        for value in {self.value, self.value.casefold()}:
            yield value
            yield json.dumps(value)[1:-1]
            yield quote(value, safe="")
            yield quote_plus(value)
            yield from _base64_forms(value.encode())
            for name in HASHES:
                yield hashlib.new(name, value.encode()).hexdigest()[:HASH_PREFIX]

    def is_in(self, text: str) -> bool:
        """Whether the text betrays the value."""
        folded = text.casefold()
        return any(form.casefold() in folded for form in self.forms())


def _base64_forms(content: bytes) -> Iterator[str]:
    """What the content looks like inside anything that is encoded as a whole: one text for each alignment."""
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + content).decode()
        bits_before, bits = 8 * before, 8 * len(content)
        certain = whole[-(-bits_before // 6) : (bits_before + bits) // 6]
        yield certain
        yield certain.replace("+", "-").replace("/", "_")


def canary(text: str = "{}") -> Canary:
    """A new canary, with its unique part in the text."""
    return Canary(text.format(f"canary{uuid.uuid4().hex[:16]}"))


@dataclass(frozen=True)
class Customer:
    """A customer whose every word is a canary."""

    email: Canary
    name: Canary
    item: Canary
    sku: Canary
    carrier: Canary
    number: Canary
    order_id: Canary

    @classmethod
    def at(cls, mailbox: str) -> Customer:
        """A new customer with a label on one of the simulator's mailboxes."""
        return cls(
            email=canary(mailbox + "+{}@simulator.amazonses.com"),
            name=canary("Zoë {} Ñandú"),
            item=canary("Tea & {}"),
            sku=canary("SKU/{}"),
            carrier=canary("Carrier {}"),
            number=canary("1Z{}"),
            order_id=canary("A-{}"),
        )

    @property
    def canaries(self) -> list[Canary]:
        """All that was supplied."""
        return [getattr(self, name) for name in self.__dataclass_fields__]

    @property
    def shown(self) -> list[Canary]:
        """What an email has of it."""
        return [one for one in self.canaries if one != self.sku]

    def order(self, **changes: Any) -> dict[str, Any]:
        """The customer's order."""
        item = {"name": self.item.value, "sku": self.sku.value, "quantity": 1, "unit_price": "19.90"}
        url = f"https://example.com/{self.number.value}"
        return order(
            self.order_id.value,
            customer={"email": self.email.value, "name": self.name.value},
            items=[item],
            tracking={"carrier": self.carrier.value, "number": self.number.value, "url": url},
            **changes,
        )


@pytest.mark.parametrize("before", ["", "x", "xy"])
def test_search_finds_a_canary_in_every_form(before: str) -> None:
    one, other = canary("Zoë {} Ñandú"), canary("Zoë {} Ñandú")
    whole = f"{before}{one.value}, and more"
    written = [
        whole,
        whole.upper(),
        json.dumps(whole),
        quote(whole),
        quote_plus(whole),
        base64.b64encode(whole.encode()).decode(),
        base64.urlsafe_b64encode(whole.encode()).decode(),
        *(hashlib.new(name, one.value.encode()).hexdigest()[:32] for name in HASHES),
        *(hashlib.new(name, one.value.casefold().encode()).hexdigest() for name in HASHES),
    ]
    assert [text for text in written if not one.is_in(text)] == []
    assert [text for text in written if other.is_in(text)] == []


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of its own: its alarms' time runs ahead, and its dead letters stay."""
    with deployed(tmp_path_factory.mktemp("canaries") / "emulator.log", FAST) as system:
        yield system


@pytest.fixture(scope="module")
def notices(system: System) -> Subscriber:
    return Subscriber(system)


@pytest.fixture(scope="module")
def sent(system: System, notices: Subscriber) -> list[Customer]:
    """Customers whose emails went out, in all the ways in which that can go."""
    system.emulator.control.evaluate_alarms()
    outcomes = {
        **{"success": "DELIVERED", "bounce": "BOUNCED", "ooto": "DELIVERED"},
        **{"complaint": "COMPLAINED", "suppressionlist": "SUPPRESSED"},
    }
    customers = {Customer.at(mailbox): status for mailbox, status in outcomes.items()}
    customers |= {Customer.at("bounce"): "BOUNCED" for _ in range(8)}
    for customer in customers:
        system.publish(customer.order(), times=2)
    for customer, status in customers.items():
        system.wait_for_status(customer.order_id.value, status)

    again = next(iter(customers))
    ordered_at = again.order()["ordered_at"]
    system.publish(again.order(resend={"id": "ticket-4711", "requested_at": ordered_at}))
    wait_for("the repetition", lambda: len(system.records(again.order_id.value)) == 2)
    return [*customers, *refused_for_now(system), unknown_at_first(system)]


def refused_for_now(system: System) -> list[Customer]:
    """Orders that only go out once SES, the ledger or the function is well again."""
    faults: list[dict[str, Any]] = [
        {"name": "paused", "operation": "ses:SendEmail", "effect": "error", "status": 400, "limit": 1}
        | {"code": "SendingPausedException", "message": "paused"},
        {"name": "table", "operation": "dynamodb:UpdateItem", "effect": "server_error", "limit": 6},
        {"name": "crash", "operation": "ses:SendEmail", "effect": "kill", "limit": 1, "phase": "before"},
    ]
    customers = []
    for fault in faults:
        customer = Customer.at("success")
        system.control.set_faults([fault])
        system.publish(customer.order())
        wait_for(f"the fault {fault['name']}", lambda: system.control.faults()[0]["hits"])
        system.control.clear_faults()
        customers.append(customer)
    for customer in customers:
        settle(system, customer)
    return customers


def unknown_at_first(system: System) -> Customer:
    """An order whose first attempt reached nobody, and was not answered: a person has it sent again."""
    fault = {"name": "lost", "operation": "ses:SendEmail", "effect": "reset", "phase": "before", "limit": 1}
    customer = Customer.at("success")
    system.control.set_faults([fault])
    system.publish(customer.order())
    wait_for("the fault", lambda: system.control.faults()[0]["hits"])
    system.control.clear_faults()
    settle(system, customer)
    return customer


def settle(system: System, customer: Customer) -> None:
    system.wait_for_status(customer.order_id.value, "DELIVERED")


@pytest.fixture(scope="module")
def refused(system: System, sent: list[Customer]) -> list[Customer]:
    """Customers whose orders nobody can send: their words are in the dead letters' bodies."""
    customers = [Customer.at("success") for _ in range(7)]
    broken = [
        customers[0].order(total={"amount": customers[0].name.value, "currency": "USD"}),
        customers[1].order() | {"customer": {"email": f"{customers[1].email.value}, ada@", "name": "Ada"}},
        customers[2].order(ordered_at=customers[2].name.value),
        customers[3].order(ordered_at="2020-01-01T00:00:00Z"),
        customers[4].order(type="no_such_type"),
        customers[5].order() | {"items": [{"name": customers[5].item.value}]},
    ]
    bodies = [*(json.dumps(event) for event in broken), json.dumps(customers[6].order())[:-1]]
    for body, customer in zip(bodies, customers, strict=True):
        system.publish(body, correlation_id=customer.email.value)
    wait_for("the dead letters", lambda: system.waiting("SendDeadLetterQueueUrl") == len(bodies))
    tags = {"order_key": ["a"], "notification": ["b"], "attempt": ["c"]}
    mail = {"destination": [customers[0].email.value], "tags": tags}
    unreadable = json.dumps({"eventType": "Bounce", "mail": mail})
    system.aws.sns.publish(TopicArn=system.outputs["FeedbackTopicArn"], Message=unreadable)
    wait_for("the dead event", lambda: system.waiting("FeedbackDeadLetterQueueUrl"))
    return customers


def dead_letters(system: System, queue: str) -> dict[str, dict[str, str]]:
    """All messages of a queue, attributes by body: what was received just before is hidden for a second."""
    messages: dict[str, dict[str, str]] = {}

    def complete() -> bool:
        messages.update(system.dead_letters(queue))
        return len(messages) >= system.waiting(queue)

    wait_for(f"all of {queue}", complete)
    return messages


def what_is_told(system: System, notices: Subscriber) -> dict[str, str]:
    """All that may be seen by whoever may not see customers' data."""
    metrics = system.client("cloudwatch").get_paginator("list_metrics").paginate()
    queues = [name for name in system.outputs if name.endswith("QueueUrl")]
    return {
        "logs": "\n".join(system.log()),
        "metrics": json.dumps([page["Metrics"] for page in metrics]),
        "attributes of dead letters": json.dumps(
            [list(dead_letters(system, queue).values()) for queue in queues]
        ),
        "tags of emails": json.dumps([email["tags"] for email in system.control.accepted()]),
        "outputs": json.dumps(system.aws.cloudformation.describe_stacks()["Stacks"], default=str),
        "notices": json.dumps(notices.notices()),
    }


def test_nothing_of_a_customers_is_told_but_to_ses(
    system: System, notices: Subscriber, sent: list[Customer], refused: list[Customer]
) -> None:
    system.client("lambda").invoke(FunctionName=system.outputs["CheckLedgerFunctionName"], Payload=b"{}")
    wait_for("the metrics", lambda: system.counted("HardBounces"))
    system.emulator.control.evaluate_alarms(time.time() + 60)

    given_to_ses = json.dumps(system.control.accepted(), ensure_ascii=False)
    assert [one.value for customer in sent for one in customer.shown if not one.is_in(given_to_ses)] == []
    messages = "".join(dead_letters(system, "SendDeadLetterQueueUrl"))
    assert [customer.item.value for customer in refused if not customer.item.is_in(messages)] == []
    assert refused[0].sku.is_in(messages)

    told = what_is_told(system, notices)
    assert "emails-at-risk" in told["notices"]
    assert "error_reason" in told["attributes of dead letters"]
    assert "HardBounces" in told["metrics"]
    for message in ('"message":"email"', '"message":"event"', '"message":"check"'):
        assert message in told["logs"]
    betrayed = [
        (where, one.value)
        for where, text in told.items()
        for customer in sent + refused
        for one in customer.canaries
        if one.is_in(text)
    ]
    assert betrayed == []


def test_email_is_followed_from_its_publisher_to_its_feedback_by_one_id(system: System) -> None:
    id_, correlation_id = order_id(), f"checkout-{uuid.uuid4()}"
    system.publish(order(id_), correlation_id=correlation_id)
    record = system.wait_for_status(id_, "DELIVERED")
    [email] = system.accepted(id_)
    assert record["correlation_id"] == email["tags"]["correlation_id"] == correlation_id

    expected = {
        **{"order_key": record["order_key"], "notification": "order_confirmation"},
        **{"attempt": 1, "message_id": email["message_id"]},
    }
    lines = wait_for("all lines", lambda: len(found := system.log_of(correlation_id)) >= 3 and found)
    assert [{name: line.get(name) for name in expected} for line in lines] == [expected] * 3
    [sending] = [line for line in lines if line["message"] == "email"]
    assert sending["outcome"] == "accepted"
    assert sorted(line["event"] for line in lines if line["message"] == "event") == ["Delivery", "Send"]


def test_dead_letter_leads_to_its_log_line(system: System) -> None:
    body, correlation_id = json.dumps({"type": order_id()}), f"checkout-{uuid.uuid4()}"
    system.publish(body, correlation_id=correlation_id)
    message = wait_for("the dead letter", lambda: system.dead_letters().get(body))
    assert message["correlation_id"] == correlation_id
    [line] = wait_for("the line", lambda: system.log_of(correlation_id))
    assert line["outcome"] == "refused_event"
