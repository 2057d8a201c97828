"""A dashboard's metric widgets as the queries of GetMetricData, so that tests can read what a widget shows.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

_DEFAULT_STATISTIC = "Average"
_DEFAULT_PERIOD_SECONDS = 300


def metric_widgets(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the properties of the dashboard's metric widgets."""
    return [widget["properties"] for widget in body["widgets"] if widget["type"] == "metric"]


def widget_queries(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the queries behind a metric widget, those that it does not draw included.

    Parameters
    ----------
    properties
        Of the widget. In ``metrics``, ``.`` repeats the field above it and ``...`` all that are left out.
    """
    queries = []
    above: list[str] = []
    for number, entry in enumerate(properties["metrics"]):
        options: dict[str, Any] = dict(entry[-1]) if isinstance(entry[-1], Mapping) else {}
        fields = _expanded([field for field in entry if isinstance(field, str)], above)
        query = {
            "Id": options.get("id", f"unnamed{number}"),
            "ReturnData": options.get("visible", True),
            **({"Label": options["label"]} if "label" in options else {}),
        }
        if "expression" in options:
            queries.append({**query, "Expression": options["expression"]})
            continue
        above = fields
        queries.append({**query, "MetricStat": _metric_stat(fields, {**properties, **options})})
    return queries


def _expanded(fields: Sequence[str], above: Sequence[str]) -> list[str]:
    """Write out ``.`` and ``...`` by the metric above."""
    if "..." in fields:
        position = fields.index("...")
        left_out = len(above) - len(fields) + 1
        fields = [*fields[:position], *above[position : position + left_out], *fields[position + 1 :]]
    return [above[index] if field == "." else field for index, field in enumerate(fields)]


def _metric_stat(fields: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    namespace, name, *dimensions = fields
    pairs = zip(dimensions[::2], dimensions[1::2], strict=True)
    metric = {
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in pairs],
    }
    return {
        "Metric": metric,
        "Period": int(settings.get("period", _DEFAULT_PERIOD_SECONDS)),
        "Stat": settings.get("stat", _DEFAULT_STATISTIC),
    }
