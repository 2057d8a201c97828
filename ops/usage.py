"""What a deployment has used this month, from its metrics and its table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ops import cost
from ops.aws import Aws
from ops.cost import Usage

DAY_SECONDS = 86400
GB = 1e9
LEAST_SHARE = 1e-5
"""Of a month: half a minute."""


@dataclass(frozen=True)
class Measured:
    """Usage of the month so far.

    Parameters
    ----------
    used
        What grows with emails.
    standing
        What a whole month uses without any.
    month_share
        Share of the month that the deployment has been there.
    forecast_factor
        How many times as much as so far it will have been by the end of the month, at the same rate.
    """

    used: Usage
    standing: Usage
    month_share: float
    forecast_factor: float

    def so_far(self, plan: str) -> cost.Estimate:
        """Cost of the month to date."""
        return cost.estimate(cost.add(self.used, cost.times(self.standing, self.month_share)), plan)

    def forecast(self, plan: str) -> cost.Estimate:
        """Cost of the month by its end."""
        used = cost.times(self.used, self.forecast_factor)
        standing = cost.times(self.standing, self.month_share * self.forecast_factor)
        return cost.estimate(cost.add(used, standing), plan)


def month_of(now: datetime) -> tuple[datetime, datetime]:
    """Begin of the month, UTC, and of the next."""
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begin, (begin + timedelta(days=32)).replace(day=1)


def shares(created_at: datetime, now: datetime) -> tuple[float, float]:
    """Share of the month since it began, or the deployment was made; and the factor by which it will grow."""
    begin, end = month_of(now)
    since = min(max(begin, created_at), now)
    so_far = max((now - since) / (end - begin), LEAST_SHARE)
    return so_far, ((end - since) / (end - begin)) / so_far


class Meter:
    """Reads what a deployment has used between two moments."""

    def __init__(self, aws: Aws, name: str, begin: datetime, now: datetime) -> None:
        self._aws = aws
        self._name = name
        self._begin, self._now = begin, now

    def used(self, outputs: dict[str, str]) -> dict[str, float]:
        """What grows with emails: measured, or worked out from the emails where nothing is measured.

        Parameters
        ----------
        outputs
            Outputs of the root stack.
        """
        emails, probes = self._own("EmailsAccepted"), self._own("ProbesDelivered")
        worked_out = cost.usage_of(emails + probes)
        measured = {
            "sns_publishes": self._of_queues(outputs, "NumberOfMessagesSent"),
            "sqs_requests": self._of_queues(
                outputs, "NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted"
            ),
            "ledger_writes": self._of_table("ConsumedWriteCapacityUnits", outputs),
            "ledger_reads": self._of_table("ConsumedReadCapacityUnits", outputs),
            "ledger_gb_months": self._table_gb(outputs),
            **self._of_functions(outputs),
        }
        used = worked_out | {name: number for name, number in measured.items() if number}
        return used | {cost.EMAILS: emails, cost.PROBES: probes}

    def _of_queues(self, outputs: dict[str, str], *metrics: str) -> float:
        names = [outputs[f"{queue}QueueUrl"].rsplit("/", 1)[-1] for queue in ("Send", "Feedback")]
        return sum(self._sum("AWS/SQS", metric, "QueueName", name) for name in names for metric in metrics)

    def _of_functions(self, outputs: dict[str, str]) -> dict[str, float]:
        runs = gb_seconds = 0.0
        for output in ("SendEmailFunctionName", "TrackDeliveryFunctionName"):
            name = outputs[output]
            settings = self._aws.client("lambda").get_function_configuration(FunctionName=name)
            runs += self._sum("AWS/Lambda", "Invocations", "FunctionName", name)
            milliseconds = self._sum("AWS/Lambda", "Duration", "FunctionName", name)
            gb_seconds += milliseconds / 1000 * settings["MemorySize"] / 1024
        return {"lambda_runs": runs, "lambda_gb_seconds": gb_seconds}

    def _table_gb(self, outputs: dict[str, str]) -> float:
        table = self._aws.dynamodb.describe_table(TableName=outputs["LedgerTableName"])["Table"]
        return table.get("TableSizeBytes", 0) / GB

    def _of_table(self, metric: str, outputs: dict[str, str]) -> float:
        return self._sum("AWS/DynamoDB", metric, "TableName", outputs["LedgerTableName"])

    def _own(self, metric: str) -> float:
        return self._sum("EmailNotifications", metric, "service", self._name)

    def _sum(self, namespace: str, metric: str, dimension: str, value: str) -> float:
        found = self._aws.client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=metric,
            Dimensions=[{"Name": dimension, "Value": value}],
            StartTime=self._begin,
            EndTime=self._now,
            Period=DAY_SECONDS,
            Statistics=["Sum"],
        )
        return float(sum(point["Sum"] for point in found["Datapoints"]))


def measure(aws: Aws, name: str, outputs: dict[str, str], created_at: datetime, now: datetime) -> Measured:
    """What a deployment has used this month.

    Parameters
    ----------
    name
        Of the deployment: `<ServiceName>-<Environment>`.
    """
    begin, _ = month_of(now)
    standing = cost.standing_usage(cost.observability_template())
    if outputs.get("DashboardName") == "none":
        standing["dashboards"] = 0
    return Measured(Meter(aws, name, begin, now).used(outputs), standing, *shares(created_at, now))
