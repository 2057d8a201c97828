"""What CloudWatch sends when an alarm changes its state: a message to topics, an event to functions.

AWS documents the message's keys in the event types of its SDKs, such as
https://github.com/aws/aws-lambda-go/blob/main/events/sns.go with the samples beside it, and the event in
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.loaders import Loader

_ACTION_LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions")


@dataclass(frozen=True)
class Transition:
    """An alarm's change of state; ``at`` is in epoch seconds."""

    alarm: Mapping[str, Any]
    old_state: str
    new_state: str
    reason: str
    at: float
    old_reason: str = ""
    old_at: float = 0


def subject(transition: Transition, region: str) -> str:
    """Return the subject, which SNS limits to 100 characters."""
    name = transition.alarm["AlarmName"]
    return f'{transition.new_state}: "{name}" in {_region_description(region)}'[:100]


def message(
    transition: Transition, account: str, region: str, children: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return the message of a metric, metric-math or composite alarm.

    Parameters
    ----------
    children
        For a composite alarm: the alarms whose change caused its own.
    """
    alarm = transition.alarm
    content = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription") or None,
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": _timestamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": transition.new_state,
        "NewStateReason": transition.reason,
        "StateChangeTime": _timestamp(transition.at),
        "Region": _region_description(region),
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": transition.old_state,
        **{name: alarm.get(name) or [] for name in _ACTION_LISTS},
    }
    if "AlarmRule" in alarm:
        return content | {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": list(map(_child, children))}
    return content | {"Trigger": _trigger(alarm)}


def function_event(transition: Transition, account: str, region: str) -> dict[str, Any]:
    """Return the event of an alarm's Lambda actions; a composite alarm's has its rule for a configuration."""
    alarm, time = transition.alarm, _timestamp(transition.at)
    configuration: dict[str, Any] = {"description": alarm.get("AlarmDescription", "")}
    if "AlarmRule" in alarm:
        configuration["alarmRule"] = alarm["AlarmRule"]
    else:
        queries = alarm.get("Metrics") or [
            {"Id": "m1", "MetricStat": _metric_stat(alarm), "ReturnData": True}
        ]
        configuration["metrics"] = [_lower_case_query(query) for query in queries]
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": account,
        "time": time,
        "region": region,
        "alarmData": {
            "alarmName": alarm["AlarmName"],
            "state": {"value": transition.new_state, "reason": transition.reason, "timestamp": time},
            "previousState": {
                "value": transition.old_state,
                "reason": transition.old_reason,
                "timestamp": _timestamp(transition.old_at),
            },
            "configuration": configuration,
        },
    }


def _metric_stat(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Metric": {name: alarm.get(name) or [] for name in ("Namespace", "MetricName", "Dimensions")},
        "Period": alarm["Period"],
        "Stat": alarm.get("Statistic") or alarm["ExtendedStatistic"],
    }


def _lower_case_query(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return a query with the keys that this event alone has."""
    names = ("Id", "Expression", "Label", "ReturnData")
    shown = {name[0].lower() + name[1:]: query[name] for name in names if name in query}
    if "MetricStat" in query:
        stat, metric = query["MetricStat"], query["MetricStat"]["Metric"]
        shown["metricStat"] = {
            "metric": {
                "namespace": metric["Namespace"],
                "name": metric["MetricName"],
                "dimensions": {each["Name"]: each["Value"] for each in metric.get("Dimensions") or []},
            },
            "period": stat["Period"],
            "stat": stat["Stat"],
        }
    return shown


def _child(alarm: Mapping[str, Any]) -> dict[str, Any]:
    state = {"Value": alarm["StateValue"], "Timestamp": _timestamp(alarm["StateUpdatedTimestamp"])}
    return {"Arn": alarm["AlarmArn"], "State": state}


def _trigger(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """Describe what a metric alarm watches."""
    rule = {
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData") or "missing",
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile") or "",
    }
    if alarm.get("Metrics"):
        metrics = list(map(_metric_query, alarm["Metrics"]))
        period = next(query["MetricStat"]["Period"] for query in metrics if "MetricStat" in query)
        return {"Period": period, **rule, "Metrics": metrics}
    is_extended = bool(alarm.get("ExtendedStatistic"))
    return {
        "MetricName": alarm["MetricName"],
        "Namespace": alarm["Namespace"],
        "StatisticType": "ExtendedStatistic" if is_extended else "Statistic",
        "Statistic": alarm["ExtendedStatistic"] if is_extended else alarm["Statistic"].upper(),
        "Unit": alarm.get("Unit"),
        "Dimensions": _dimensions(alarm.get("Dimensions")),
        "Period": alarm["Period"],
        **rule,
    }


def _metric_query(query: Mapping[str, Any]) -> dict[str, Any]:
    if "MetricStat" not in query:
        return dict(query)
    metric = query["MetricStat"]["Metric"]
    shown = {**metric, "Dimensions": _dimensions(metric.get("Dimensions"))}
    return {**query, "MetricStat": {**query["MetricStat"], "Metric": shown}}


def _dimensions(dimensions: Sequence[Mapping[str, str]] | None) -> list[dict[str, str]]:
    """Return dimensions with the lower-case keys that this message alone has."""
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in dimensions or []]


def _timestamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def _region_description(region: str) -> str:
    """Return the region's name for people, such as US East (N. Virginia)."""
    partitions = Loader().load_data("endpoints")["partitions"]
    for partition in partitions:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region
