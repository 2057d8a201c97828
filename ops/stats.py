"""Volumes and rates of a deployment: what CloudWatch's metrics say, and what waits in the queues now."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from notifications import metric_names
from notifications.ledger import Status
from notifications.ledger_scan import LedgerScan
from notifications.queues import messages_in

if TYPE_CHECKING:
    from types_boto3_sqs import SQSClient

NAMESPACE = "EmailNotifications"
LONGEST = timedelta(days=15)
"""Minutes are kept for so long
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html)."""

MINUTE_SECONDS, HOUR_SECONDS, DAY_SECONDS = 60, 3600, 86400

SUMS = {
    "accepted": (metric_names.EMAILS_ACCEPTED, "Sum"),
    "delivered": (metric_names.EMAILS_DELIVERED, "Sum"),
    "ended": (metric_names.EMAILS_DELIVERED, "SampleCount"),
    "hard_bounces": (metric_names.HARD_BOUNCES, "Sum"),
    "bounces": (metric_names.HARD_BOUNCES, "SampleCount"),
    "complaints": (metric_names.COMPLAINTS, "Sum"),
    "failures": (metric_names.SEND_FAILURES, "Sum"),
    "failed": (metric_names.EMAILS_FAILED, "Sum"),
    "unknown": (metric_names.UNKNOWN_OUTCOMES, "Sum"),
    "resent_after_unknown": (metric_names.UNKNOWN_RESENT, "Sum"),
    "probes_delivered": (metric_names.PROBES_DELIVERED, "Sum"),
}
"""Metric and statistic of each number that adds up over time. docs/observability.md says what each is."""

PERCENTILES = {
    "latency_p50_ms": (metric_names.ACCEPTANCE_LATENCY, "p50"),
    "latency_p99_ms": (metric_names.ACCEPTANCE_LATENCY, "p99"),
}

WAITING = ("Send", "Feedback")
DEAD_LETTERS = ("SendDeadLetter", "OrderEventsUndelivered", "FeedbackDeadLetter", "FeedbackUndelivered")


@dataclass(frozen=True)
class Stats:
    """What happened since a moment, and how many messages each queue holds now, by the name of the queue.

    Parameters
    ----------
    numbers
        By the names of `SUMS`; 0 where CloudWatch has nothing.
    latency_ms
        By the names of `PERCENTILES`, of the worst day if there are several; None if no email was accepted.
    """

    since: datetime
    numbers: Mapping[str, float]
    latency_ms: Mapping[str, float | None]
    waiting: Mapping[str, int]
    dead_letters: Mapping[str, int]

    @property
    def suppressed(self) -> float:
        """Emails that a suppression list stopped."""
        return self.numbers["bounces"] - self.numbers["hard_bounces"]

    @property
    def delivery_rate(self) -> float | None:
        """Delivered, of those that have ended and were not suppressed: as `delivery-rate-low` counts."""
        return _rate(self.numbers["delivered"], self.numbers["ended"] - self.suppressed)

    @property
    def bounce_rate(self) -> float | None:
        """Hard bounces, of those that SES accepted."""
        return _rate(self.numbers["hard_bounces"], self.numbers["accepted"])

    @property
    def complaint_rate(self) -> float | None:
        """Complaints, of those that SES accepted."""
        return _rate(self.numbers["complaints"], self.numbers["accepted"])


def collect(
    cloudwatch: Any,
    sqs: SQSClient,
    name: str,
    outputs: Mapping[str, str],
    now: datetime,
    duration: timedelta,
) -> Stats:
    """Read the metrics of the deployment `name` and the depth of its queues.

    Parameters
    ----------
    duration
        How long back, at most `LONGEST`.
    """
    begin, end = _whole_minutes(now, duration)
    values = _read(cloudwatch, name, begin, end)
    return Stats(
        begin,
        {key: sum(values[key]) for key in SUMS},
        {key: max(values[key], default=None) for key in PERCENTILES},
        _depths(sqs, outputs, WAITING),
        _depths(sqs, outputs, DEAD_LETTERS),
    )


def failed_reasons(scan: LedgerScan, since: datetime) -> dict[str, int]:
    """Why emails were refused for good since a moment, and how many are so now, the most frequent first.

    The whole ledger is read for it.
    """
    failed = scan.entries([Status.FAILED], datetime.max.replace(tzinfo=UTC))
    return dict(Counter(entry.reason for entry in failed if entry.updated_at >= since).most_common())


def periods_seconds(duration: timedelta) -> tuple[int, int]:
    """Periods to ask for: short ones for what adds up, so that no edge of one reaches out of the window; the
    longest for percentiles, which do not add up.

    A period is a day at most
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#CloudWatchPeriods).
    """
    seconds = int(duration.total_seconds())
    return MINUTE_SECONDS if seconds <= DAY_SECONDS else HOUR_SECONDS, min(seconds, DAY_SECONDS)


def _whole_minutes(now: datetime, duration: timedelta) -> tuple[datetime, datetime]:
    end = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    return end - duration, end


def _read(cloudwatch: Any, name: str, begin: datetime, end: datetime) -> Mapping[str, list[float]]:
    """Values of all periods, by id."""
    short, long = periods_seconds(end - begin)
    queries = [_query(id_, *metric, short, name) for id_, metric in SUMS.items()]
    queries += [_query(id_, *metric, long, name) for id_, metric in PERCENTILES.items()]
    values: dict[str, list[float]] = defaultdict(list)
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=queries, StartTime=begin, EndTime=end
    )
    for page in pages:
        for result in page["MetricDataResults"]:
            values[result["Id"]] += result["Values"]
    return values


def _query(id_: str, metric: str, statistic: str, period_seconds: int, name: str) -> dict[str, Any]:
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {
                "Namespace": NAMESPACE,
                "MetricName": metric,
                "Dimensions": [{"Name": "service", "Value": name}],
            },
            "Period": period_seconds,
            "Stat": statistic,
        },
    }


def _depths(sqs: SQSClient, outputs: Mapping[str, str], queues: Sequence[str]) -> dict[str, int]:
    """Messages in each queue, whether visible, in flight or delayed."""
    urls = [outputs[f"{queue}QueueUrl"] for queue in queues]
    return {url.rsplit("/", 1)[-1]: messages_in(sqs, url) for url in urls}


def _rate(part: float, whole: float) -> float | None:
    return part / whole if whole else None
