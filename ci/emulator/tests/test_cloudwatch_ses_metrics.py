"""The metrics that SES publishes for an account, counted from the events that it makes."""

import time

import pytest

from ci.emulator.cloudwatch import ses_metrics
from ci.emulator.cloudwatch.metrics import Metric, statistic
from ci.emulator.cloudwatch.ses_metrics import record_ses_event
from ci.emulator.cloudwatch.store import StoredMetrics
from ci.emulator.ministack import cloudwatch


@pytest.fixture(autouse=True)
def nothing_happened_yet():
    cloudwatch.reset()
    ses_metrics.reset()
    yield
    cloudwatch.reset()
    ses_metrics.reset()


def read(name: str, stat: str = "Sum", configuration_set: str | None = None) -> float | None:
    dimensions = (
        frozenset({("ses:configuration-set", configuration_set)}) if configuration_set else frozenset()
    )
    now = time.time()
    samples = StoredMetrics().samples(Metric("AWS/SES", name, dimensions), now - 60, now + 60)
    return statistic(stat, samples)


def send(count: int, **details) -> None:
    for _ in range(count):
        record_ses_event("Send", **details)


def test_each_event_counts_in_the_metric_of_its_type():
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-cloudwatch.html"""
    send(3)
    for event_type in ("Delivery", "Reject", "DeliveryDelay", "Rendering Failure"):
        record_ses_event(event_type)
    record_ses_event("Bounce", bounce_type="Transient", bounce_subtype="General")

    names = ("Send", "Delivery", "Reject", "DeliveryDelay", "RenderingFailure", "Bounce")
    assert [read(name) for name in names] == [3, 1, 1, 1, 1, 1]
    assert read("Complaint") is None


def test_reputation_is_the_share_of_hard_bounces_and_complaints():
    """https://docs.aws.amazon.com/ses/latest/dg/monitor-sender-reputation.html"""
    send(100)
    record_ses_event("Bounce", bounce_type="Permanent", bounce_subtype="General")
    record_ses_event("Bounce", bounce_type="Permanent", bounce_subtype="Suppressed")
    record_ses_event("Bounce", bounce_type="Permanent", bounce_subtype="OnAccountSuppressionList")
    record_ses_event("Bounce", bounce_type="Transient", bounce_subtype="MailboxFull")
    record_ses_event("Complaint")

    ses_metrics.sample(time.time())

    assert read("Reputation.BounceRate", "Average") == 0.02
    assert read("Reputation.ComplaintRate", "Average") == 0.01


def test_configuration_set_that_exports_its_reputation_has_rates_of_its_own():
    """https://docs.aws.amazon.com/ses/latest/dg/configuration-sets-export-metrics.html"""
    send(1, configuration_set="orders", has_reputation_metrics=True)
    send(3, configuration_set="news")
    bounce = {"bounce_type": "Permanent", "bounce_subtype": "General"}
    record_ses_event("Bounce", **bounce, configuration_set="orders", has_reputation_metrics=True)

    ses_metrics.sample(time.time())

    assert read("Reputation.BounceRate", "Average", "orders") == 1
    assert read("Reputation.BounceRate", "Average", "news") is None
    assert read("Reputation.BounceRate", "Average") == 0.25


def test_account_without_sends_has_no_reputation():
    """https://docs.aws.amazon.com/ses/latest/dg/monitor-sender-reputation.html"""
    ses_metrics.sample(time.time())

    assert read("Reputation.BounceRate", "Average") is None
