"""``AWS::CloudWatch::Alarm`` with ``Metrics`` (metric math), which MiniStack refuses.

Also keeps ``EvaluateLowSampleCountPercentile``, which MiniStack drops from any alarm.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
"""

import copy
from collections.abc import Callable
from typing import Any

from ci.emulator.cloudformation.properties import boolean, present
from ci.emulator.cloudwatch.metric_queries import check_alarm_queries
from ci.emulator.ministack import provisioners

# MiniStack insists on these; an alarm on metric math has neither, so they never reach its record.
_PLACEHOLDERS = {"MetricName": "-", "Namespace": "-"}
_SINGLE_METRIC_FIELDS = (
    "MetricName",
    "Namespace",
    "Dimensions",
    "Period",
    "Statistic",
    "ExtendedStatistic",
    "Unit",
)


def install() -> None:
    """Let MiniStack's alarm handler store metric-math alarms as DescribeAlarms returns them.

    Metric math that CloudWatch refuses, or that the emulator does not know, fails the resource.
    """
    provisioners._cw_metric_alarm_record = _with_metrics(provisioners._cw_metric_alarm_record)


def _with_metrics(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    def record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
        metrics = properties.get("Metrics")
        if not metrics:
            alarm = original(name, properties)
        else:
            plain = {key: value for key, value in properties.items() if key != "Metrics"}
            alarm = original(name, plain | _PLACEHOLDERS)
            for field in _SINGLE_METRIC_FIELDS:
                del alarm[field]
            alarm["Metrics"] = [_metric_data_query(metric) for metric in metrics]
            check_alarm_queries(alarm["Metrics"])
        return alarm | present(properties, ("EvaluateLowSampleCountPercentile",))

    return record


def _metric_data_query(metric: dict[str, Any]) -> dict[str, Any]:
    """Return one entry of ``Metrics`` with the types of the API's ``MetricDataQuery``."""
    query = copy.deepcopy(metric)
    query["ReturnData"] = boolean(metric.get("ReturnData"), default=True)
    for holder in (query, query.get("MetricStat", {})):
        if "Period" in holder:
            holder["Period"] = int(holder["Period"])
    return query
