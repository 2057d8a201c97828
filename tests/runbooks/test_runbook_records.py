"""The runbooks about single orders: refused, set aside, undelivered, overdue, or gone from the ledger."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.times import iso
from tests.runbooks import site as sites
from tests.runbooks.site import HOUR, MINUTE, SERVICE, Site
from tests.support.system import order, order_id, wait_for

HARD_BOUNCE = [{"event": "Bounce", "type": "Permanent", "subtype": "General"}]
GOOD_ADDRESS = "success@simulator.amazonses.com"
DAY_OF_EMAILS = 100


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.deployed(tmp_path_factory.mktemp("records")) as site:
        yield site


def order_file(site: Site, id_: str, to: str, **changes: Any) -> str:
    """The order event as the order system would hand it over."""
    path = site.workspace.folder / f"{id_}.json"
    path.write_text(json.dumps(order(id_, to=to, **changes)))
    return path.name


def publish_file(site: Site, name: str) -> None:
    site.system.publish((site.workspace.folder / name).read_text())


def test_dead_letters(site: Site) -> None:
    """A bad release of the publisher leaves out the total; two good orders were given up on in an outage."""
    for _ in range(3):
        bad = order()
        del bad["total"]
        site.system.publish(bad)
    good = [order_id() for _ in range(2)]
    for id_ in good:
        site.system.aws.sqs.send_message(
            QueueUrl=site.system.outputs["SendDeadLetterQueueUrl"], MessageBody=json.dumps(order(id_))
        )
    wait_for("the dead letters", lambda: site.system.waiting("SendDeadLetterQueueUrl") == 5)
    site.look_at_alarms()
    assert site.state("dead-letters-present") == "ALARM"

    with site.follow("dead-letters") as reader:
        listed, shown = reader.check()
        assert "total" in listed
        assert "example.com" not in shown
        reader.verify_says_no()
        reader.act('redrive --all --reason "$REASON" --env $ENV\n' if False else "redrive")
        reader.act("discard")
        reader.verify_says_yes()
        assert "discard" in "".join(reader.afterwards())
    site.assert_sent_once(good)
    site.look_at_alarms(3 * MINUTE)
    assert site.state("dead-letters-present") == "OK"


def test_sends_failing(site: Site) -> None:
    """SES refuses five addresses for good; one customer gives another."""
    refusal = {
        **{
            "name": "refuse",
            "operation": "ses:SendEmail",
            "match": "@refused.example.com",
            "effect": "error",
        },
        **{"status": 400, "code": "BadRequestException", "message": "Illegal address"},
    }
    site.system.control.set_faults([refusal])
    orders = [order_id() for _ in range(5)]
    files = [order_file(site, id_, to=f"{id_}@refused.example.com") for id_ in orders]
    for name in files:
        publish_file(site, name)
    site.wait_for("FAILED", orders)
    site.wait_until_counted("SendFailures", 5)
    site.look_at_alarms()
    assert site.state("sends-failing") == "ALARM"

    id_ = orders[0]
    with site.follow("sends-failing", ORDER_ID=id_, ORDER_FILE=files[0], NEW_ADDRESS=GOOD_ADDRESS) as reader:
        _, log, _, found, _ = reader.check()
        assert "BadRequestException" in log
        assert "refused for good" in found
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    assert [mail["to"] for mail in site.system.accepted(id_)] == [[GOOD_ADDRESS]]
    site.look_at_alarms(7 * HOUR)
    assert site.state("sends-failing") == "OK"


def test_emails_failed(site: Site) -> None:
    """SES refuses one address for good; the customer gives another."""
    refusal = {
        **{"name": "refuse", "operation": "ses:SendEmail", "match": "@bad.example.com", "effect": "error"},
        **{"status": 400, "code": "BadRequestException", "message": "Illegal address"},
    }
    site.system.control.set_faults([refusal])
    id_ = order_id()
    name = order_file(site, id_, to=f"{id_}@bad.example.com")
    publish_file(site, name)
    site.wait_for("FAILED", [id_])
    site.wait_until_counted("EmailsFailed", 1)
    site.look_at_alarms()
    assert site.state("emails-failed") == "ALARM"

    with site.follow("emails-failed", ORDER_ID=id_, ORDER_FILE=name, NEW_ADDRESS=GOOD_ADDRESS) as reader:
        numbers, log, found, _ = reader.check()
        assert "BadRequestException" in log
        assert "refused for good" in found
        assert "BadRequestException" in numbers
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    assert [mail["to"] for mail in site.system.accepted(id_)] == [[GOOD_ADDRESS]]
    site.look_at_alarms(7 * HOUR)
    assert site.state("emails-failed") == "OK"


def test_delivery_rate(site: Site) -> None:
    """A provider refuses two customers' mailboxes by mistake, and has mended it when they ask."""
    site.system.control.set_ses(outcomes={"*@broken.example.com": HARD_BOUNCE})
    id_ = order_id()
    address = f"{id_}@broken.example.com"
    name = order_file(site, id_, to=address)
    publish_file(site, name)
    site.wait_for("BOUNCED", [id_, *site.send(to=f"other-{id_}@broken.example.com")])
    site.wait_for("DELIVERED", site.send(DAY_OF_EMAILS))
    site.wait_until_counted("EmailsDelivered", DAY_OF_EMAILS)
    site.look_at_alarms()
    assert site.state("delivery-rate-low") == "ALARM"
    site.system.control.set_ses(outcomes={})

    values = {"ORDER_ID": id_, "ORDER_FILE": name, "ADDRESS": address, "NEW_ADDRESS": address}
    with site.follow("delivery-rate", **values) as reader:
        _, log, found, suppressed = reader.check()
        assert "BOUNCED" in log
        assert "Refused for good" in found
        assert "BOUNCE" in suppressed
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    assert len(site.system.accepted(id_)) == 2


def test_overdue_notifications(site: Site) -> None:
    """Four days ago an order was put off, and its message has been lost since."""
    id_ = order_id()
    name = order_file(site, id_, to=GOOD_ADDRESS)
    lose_message(site, id_, name)
    with site.follow("overdue-notifications", ORDER_ID=id_, ORDER_FILE=name) as reader:
        site.system.client("lambda").invoke(FunctionName=f"{SERVICE}-check-ledger", Payload=b"{}")
        wait_for("the finding", lambda: "not_sent" in "".join(site.system.log()))
        site.wait_until_alarm("notifications-overdue")
        found, dead, log = reader.check()
        assert id_ in found
        assert "no dead letters" in dead
        assert "not_sent" in log
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    site.assert_sent_once([id_])


def test_emails_undecided(site: Site) -> None:
    """The connection to SES breaks before it has taken two emails; the message of one is lost as well."""
    lost = {"name": "broken", "operation": "ses:SendEmail", "effect": "reset", "phase": "before", "limit": 2}
    site.system.control.set_faults([lost])
    begin = iso(datetime.now(UTC))
    orders = [order_id() for _ in range(2)]
    files = [order_file(site, id_, to=GOOD_ADDRESS) for id_ in orders]
    for name in files:
        publish_file(site, name)
    site.wait_for("SENDING", orders)
    site.wait_until_alarm("emails-undecided")
    site.system.aws.sqs.purge_queue(QueueUrl=site.system.outputs["SendQueueUrl"])
    site.system.enqueue((site.workspace.folder / files[1]).read_text())

    values = {
        "ORDER_ID": orders[0],
        "ORDER_FILE": files[0],
        "INCIDENT_FROM": begin,
        "INCIDENT_TO": iso(datetime.now(UTC)),
    }
    with site.follow("emails-undecided", **values) as reader:
        known, _, found = reader.check()
        assert all(id_ in known for id_ in orders)
        assert "unanswered" in known
        assert "notify settle" in found
        reader.verify_says_no()
        assert "2 awaits order event" in reader.act("settle")
        reader.verify_says_no()
        reader.act("publish")
        reader.verify_says_yes()
        assert "settle" in "".join(reader.afterwards())
    site.assert_sent_once(orders)
    site.look_at_alarms(3 * HOUR)
    assert site.state("emails-undecided") == "OK"


def test_restore(site: Site) -> None:
    """A script deletes the records of a moment ago."""
    orders = site.send(3)
    site.wait_for("DELIVERED", orders)
    time.sleep(1)
    before = iso(datetime.now(UTC).replace(microsecond=0))
    time.sleep(1)
    for id_ in orders:
        [record] = site.system.records(id_)
        site.system.aws.dynamodb.delete_item(
            TableName=site.system.outputs["LedgerTableName"],
            Key={name: {"S": record[name]} for name in ("order_key", "notification")},
        )

    with site.follow("restore", ORDER_ID=orders[0], RESTORE_TO=before) as reader:
        found, *_ = reader.check()
        assert "no record" in found
        [hold] = reader.page.blocks("Decide")
        reader.paste(hold)
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
        assert all(site.system.status(id_) == "DELIVERED" for id_ in orders)
        reader.afterwards()
    for id_ in orders:
        site.system.publish(order(id_))
    site.system.wait_until_drained()
    site.assert_sent_once(orders)


def lose_message(site: Site, id_: str, file: str) -> None:
    site.system.control.set_ses(sending_enabled=False)
    publish_file(site, file)
    site.wait_for("READY", [id_])
    site.system.aws.sqs.purge_queue(QueueUrl=site.system.outputs["SendQueueUrl"])
    site.system.control.set_ses(sending_enabled=True)
    [record] = site.system.records(id_)
    site.system.aws.dynamodb.update_item(
        TableName=site.system.outputs["LedgerTableName"],
        Key={name: {"S": record[name]} for name in ("order_key", "notification")},
        UpdateExpression="SET updated_at = :at, created_at = :at",
        ExpressionAttributeValues={":at": {"S": iso(datetime.now(UTC) - timedelta(days=4, hours=1))}},
    )
