"""`stats`: what is asked of CloudWatch and SQS, and what is made of the answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey
from notifications.ledger import Claim, Claimed, failed
from notifications.ledger_scan import LedgerScan
from notifications.ledger_table import LedgerTable
from notifications.times import iso
from ops import durations, stats
from ops.errors import InputError
from ops.stats import DEAD_LETTERS, WAITING, Stats

NOW = datetime(2026, 11, 24, 12, 0, 30, tzinfo=UTC)
RULES = SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED)


class CloudWatch:
    """Answers each query with the values given for its metric and statistic, in pages."""

    def __init__(self, values: dict[tuple[str, str], list[float]]) -> None:
        self._values = values
        self.asked: dict[str, Any] = {}

    def get_paginator(self, operation: str) -> CloudWatch:
        assert operation == "get_metric_data"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked = asked
        values = {
            query["Id"]: self._values.get(
                (query["MetricStat"]["Metric"]["MetricName"], query["MetricStat"]["Stat"]), []
            )
            for query in asked["MetricDataQueries"]
        }
        return [
            {"MetricDataResults": [{"Id": id_, "Values": part} for id_, part in page]}
            for page in (
                [(id_, found[:1]) for id_, found in values.items()],
                [(id_, found[1:]) for id_, found in values.items()],
            )
        ]


class Sqs:
    """Every queue has one message in sight, two in flight, and none delayed."""

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        return {"Attributes": {"visible": "1", "in flight": "2", "delayed": "0"}}


def collect(
    values: dict[tuple[str, str], list[float]], duration: timedelta = timedelta(hours=1)
) -> tuple[Stats, CloudWatch]:
    cloudwatch = CloudWatch(values)
    outputs = {f"{queue}QueueUrl": f"https://sqs/1/shop-{queue}" for queue in WAITING + DEAD_LETTERS}
    return stats.collect(cloudwatch, Sqs(), "shop", outputs, NOW, duration), cloudwatch  # type: ignore[arg-type]


def test_numbers_of_all_periods_and_pages_are_added_up() -> None:
    found, _ = collect({("EmailsAccepted", "Sum"): [1, 2, 3], ("SendFailures", "Sum"): [1]})
    assert (found.numbers["accepted"], found.numbers["failures"]) == (6, 1)
    assert found.numbers["complaints"] == 0


def test_rates_are_those_that_the_alarms_look_at() -> None:
    found, _ = collect(
        {
            ("EmailsAccepted", "Sum"): [200],
            ("EmailsDelivered", "Sum"): [80],
            ("EmailsDelivered", "SampleCount"): [110],
            ("HardBounces", "Sum"): [10],
            ("HardBounces", "SampleCount"): [20],
            ("Complaints", "Sum"): [1],
        }
    )
    assert found.suppressed == 10
    assert found.delivery_rate == 0.8
    assert found.bounce_rate == 0.05
    assert found.complaint_rate == 0.005


def test_there_is_no_rate_of_nothing() -> None:
    found, _ = collect({})
    assert (found.delivery_rate, found.bounce_rate, found.complaint_rate) == (None, None, None)
    assert set(found.latency_ms.values()) == {None}


def test_latency_is_that_of_the_worst_period() -> None:
    found, _ = collect({("AcceptanceLatency", "p99"): [900, 1200, 300]})
    assert found.latency_ms["latency_p99_ms"] == 1200


def test_queues_are_told_with_all_that_is_in_them() -> None:
    found, _ = collect({})
    assert found.waiting == {"shop-Send": 3, "shop-Feedback": 3}
    assert len(found.dead_letters) == 4


def test_whole_minutes_are_asked_for_of_this_service_alone() -> None:
    _, cloudwatch = collect({})
    assert cloudwatch.asked["EndTime"] == datetime(2026, 11, 24, 12, 1, tzinfo=UTC)
    assert cloudwatch.asked["StartTime"] == datetime(2026, 11, 24, 11, 1, tzinfo=UTC)
    dimensions = [
        query["MetricStat"]["Metric"]["Dimensions"] for query in cloudwatch.asked["MetricDataQueries"]
    ]
    assert dimensions == [[{"Name": "service", "Value": "shop"}]] * len(dimensions)


@pytest.mark.parametrize(
    ("duration", "short", "long"),
    [(timedelta(minutes=5), 60, 300), (timedelta(days=1), 60, 86400), (timedelta(days=15), 3600, 86400)],
)
def test_periods_are_short_for_sums_and_a_day_at_most(duration: timedelta, short: int, long: int) -> None:
    assert stats.periods_seconds(duration) == (short, long)


def test_one_call_has_fewer_data_points_than_cloudwatch_answers_with() -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
    for days in range(1, stats.LONGEST.days + 1):
        short, long = stats.periods_seconds(timedelta(days=days))
        points = days * 86400 * (len(stats.SUMS) / short + len(stats.PERCENTILES) / long)
        assert points < 100_800


@pytest.mark.parametrize(
    ("text", "duration"), [("30m", timedelta(minutes=30)), ("1h", timedelta(hours=1)), ("15d", stats.LONGEST)]
)
def test_duration_is_a_number_and_a_unit(text: str, duration: timedelta) -> None:
    assert durations.parse(text, stats.LONGEST) == duration


@pytest.mark.parametrize("text", ["", "1", "h", "0h", "-1h", "1.5h", "1w", "16d", "999999d", "1h30m"])
def test_duration_that_cannot_be_asked_for_is_refused_with_what_can(text: str) -> None:
    with pytest.raises(InputError, match=r"15d|30m, 1h, 7d"):
        durations.parse(text, stats.LONGEST)


def test_reasons_of_what_was_refused_for_good_are_counted_since_the_moment(
    client: Any, table_name: str
) -> None:
    table, at = LedgerTable(client, table_name), iso(NOW - timedelta(minutes=5))
    refused = {
        "a": ("Bad", at),
        "b": ("Bad", at),
        "c": ("Worse", at),
        "d": ("Old", "2026-11-20T06:00:00.000Z"),
    }
    for digit, (reason, moment) in refused.items():
        key = NotificationKey(digit * 32, "order_confirmation")
        claimed = table.claim(key, Claim(0, moment, 1, "token", "content", RULES, "0"))
        assert isinstance(claimed, Claimed)
        table.record_result(key, failed(claimed, reason, moment))
    table.claim(
        NotificationKey("e" * 32, "order_confirmation"), Claim(0, at, 1, "token", "content", RULES, "0")
    )

    reasons = stats.failed_reasons(LedgerScan(client, table_name), NOW - timedelta(hours=1))

    assert reasons == {"Bad": 2, "Worse": 1}
