"""The runbooks about orders that wait, are late, or do not get through at all."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.runbooks import site as sites
from tests.runbooks.site import HOUR, SERVICE, Site
from tests.support.system import wait_for

MANY = 101
"""Emails within 6 hours of which 1 of 100 says something."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.deployed(tmp_path_factory.mktemp("sending"), ProbeMinutes="10") as site:
        yield site


@pytest.fixture(autouse=True)
def drained(site: Site) -> Iterator[None]:
    yield
    site.system.settle_faults()


def test_orders_waiting(site: Site) -> None:
    site.system.control.set_ses(sending_enabled=False)
    orders = site.send(5)
    wait_for("them to be put off", lambda: all(site.system.status(id_) == "READY" for id_ in orders))
    site.watch(minutes=11)
    assert site.state("orders-waiting") == "ALARM"

    with site.follow("orders-waiting", ORDER_ID=orders[0]) as reader:
        mapping, account, stats, log = reader.check()
        assert "Enabled" in mapping
        assert "False\tHEALTHY" in account
        assert f"waiting now: {SERVICE}-send" in stats
        assert "SendingPausedException" in log
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
        assert "Delivered" in "".join(reader.afterwards())
    site.assert_sent_once(orders)


def test_emails_late(site: Site) -> None:
    """A spike while one email a second may be sent: 1 % of what SES allows."""
    site.system.control.set_ses(max_send_rate=100)
    site.workspace.set("dev", SesRateSharePercent="1")
    site.deploy()
    orders = site.send(MANY)
    wait_for("the first to be late", lambda: site.latency_ms() > 31_000)
    with site.follow("emails-late") as reader:
        stats, quota, _ = reader.check()
        assert "99 % accepted within" in stats
        assert quota.startswith("100")
        reader.verify_says_no()
        site.workspace.set("dev", SesRateSharePercent="100")
        reader.act()
        reader.verify_says_yes()
    site.assert_sent_once(orders)
    site.look_at_alarms()
    assert site.state("emails-late") == "ALARM"
    site.look_at_alarms(7 * HOUR)
    assert site.state("emails-late") == "OK"


def test_probes_failing(site: Site) -> None:
    mapping_id = site.system.outputs["SendEmailMappingId"]
    site.system.client("lambda").update_event_source_mapping(UUID=mapping_id, Enabled=False)
    for _ in range(3):
        site.start_probe()
    wait_for("the probes", lambda: site.system.waiting() == 3)
    site.look_at_alarms()
    assert site.state("probes-failing") == "ALARM"
    assert site.state("emails-at-risk") == "ALARM"

    with site.follow("probes-failing") as reader:
        _, mappings, account, _ = reader.check()
        [send] = [line for line in mappings.splitlines() if "send-email" in line]
        assert send.endswith("Disabled")
        assert "True\tHEALTHY" in account
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    site.system.wait_until_drained()


def test_outcomes_missing(site: Site) -> None:
    functions = site.system.client("lambda")
    [mapping] = functions.list_event_source_mappings(FunctionName=f"{SERVICE}-track-delivery")[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    orders = site.send(3)
    site.wait_for("SENT", orders)
    wait_for("the events", lambda: site.system.waiting("FeedbackQueueUrl") >= 6)
    for minutes_ahead in (20, 100):
        site.look_at_alarms(60 * minutes_ahead)
    assert site.state("outcomes-missing") == "ALARM"

    with site.follow("outcomes-missing", ORDER_ID=orders[0]) as reader:
        _, state, destinations = reader.check()
        assert "Disabled" in state
        assert f"True\t{site.system.outputs['FeedbackTopicArn']}" in destinations
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    site.wait_for("DELIVERED", orders)


def test_undelivered_messages_put_emails_at_risk(site: Site) -> None:
    sqs, url = site.system.aws.sqs, site.system.outputs["SendQueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    refusing = json.loads(policy) | {
        "Statement": [one | {"Effect": "Deny"} for one in json.loads(policy)["Statement"]]
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(refusing)})
    orders = site.send(3)
    wait_for("them to be set aside", lambda: site.system.waiting("OrderEventsUndeliveredQueueUrl") == 3)
    site.look_at_alarms()
    assert site.state("undelivered-messages") == "ALARM"
    # Whoever has changed the policy puts it back, as the page says.
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})

    with (
        site.follow("emails-at-risk") as first,
        site.follow("undelivered-messages", ORDER_ID=orders[0]) as second,
    ):
        causes, _ = first.check()
        assert "alarm undelivered-messages (page)" in causes
        assert "ALARM" in first.verify_says_no() + site.state("emails-at-risk")
        listed, *_ = second.check()
        assert "orders-undelivered" in listed
        second.verify_says_no()
        second.act()
        second.verify_says_yes()
        site.look_at_alarms(2 * HOUR)
        first.verify_says_yes()
    site.assert_sent_once(orders)


def test_key_problems(site: Site) -> None:
    kms = site.system.client("kms")
    key_id = kms.describe_key(KeyId=f"alias/{SERVICE}")["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    with pytest.raises(site.system.aws.sns.exceptions.ClientError, match="KMSInvalidState"):
        site.send()

    with site.follow("key-problems") as reader:
        key, policy = reader.check()
        assert key.startswith("PendingDeletion")
        assert "kms:Decrypt" in policy
        assert "PendingDeletion" not in reader.verify_says_no()
        reader.act("cancel-key-deletion")
        assert kms.describe_key(KeyId=key_id)["KeyMetadata"]["KeyState"] == "Disabled"
        reader.verify_says_no()
        reader.act("enable-key")
        reader.verify_says_yes()
    site.assert_sent_once(site.send())
