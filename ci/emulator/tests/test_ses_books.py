"""What SES counts for the account, whether or not a configuration set has the events published.

https://docs.aws.amazon.com/ses/latest/dg/monitor-sender-reputation.html
"""

import datetime as dt

import pytest

from ci.emulator.tests.ses_feedback import email

HARD_BOUNCE = [{"event": "Bounce", "type": "Permanent", "subtype": "General"}]


@pytest.fixture
def count(clients):
    """Counts an AWS/SES metric's events, of a region that this test alone uses."""

    def total(name):
        now = dt.datetime.now(dt.UTC)
        statistics = clients("cloudwatch", "ap-southeast-2").get_metric_statistics(
            Namespace="AWS/SES",
            MetricName=name,
            StartTime=now - dt.timedelta(hours=1),
            EndTime=now + dt.timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )
        return sum(point["Sum"] for point in statistics["Datapoints"])

    return total


def test_events_are_counted_and_bounced_addresses_listed_without_a_configuration_set(
    emulator, clients, count
):
    ses = clients("sesv2", "ap-southeast-2")
    emulator.control.set_ses(region="ap-southeast-2", outcomes={"gone@*": HARD_BOUNCE})
    before = {name: count(name) for name in ("Send", "Delivery", "Bounce")}
    ses.send_email(**email("ada@example.com"))
    ses.send_email(**email("gone@example.com"))
    ses.send_email(**email("bounce@simulator.amazonses.com"))
    # The mailbox simulator's events don't count for the account's reputation.
    assert {name: count(name) - before[name] for name in before} == {"Send": 2, "Delivery": 1, "Bounce": 1}
    assert ses.get_suppressed_destination(EmailAddress="gone@example.com")
    assert emulator.control.ses()["events_waiting"] == 0
