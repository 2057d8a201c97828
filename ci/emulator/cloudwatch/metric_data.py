"""Gap: GetMetricData evaluates expressions, takes dimensions exactly, and sorts as AWS does.

MiniStack answers "not implemented" for an expression, lets a metric without dimensions stand for all, and
ignores ScanBy.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ci.emulator.cloudwatch import sampling
from ci.emulator.cloudwatch.metric_math import Window
from ci.emulator.cloudwatch.metric_math_values import TimeSeries
from ci.emulator.cloudwatch.metric_queries import evaluate_queries
from ci.emulator.cloudwatch.store import StoredMetrics
from ci.emulator.ministack import cloudwatch

Response = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Replace the operation in the SDKs' JSON and CBOR protocols; the old Query protocol stays as it is."""
    query_protocol: Callable[..., Response] = cloudwatch._get_metric_data

    def get_metric_data(
        parameters: Mapping[str, Any], request: dict[str, Any], is_cbor: bool, is_json: bool = False
    ) -> Response:
        if not (is_cbor or is_json):
            return query_protocol(parameters, request, is_cbor, is_json)
        try:
            results = _results(request)
        except ValueError as error:
            refusal: Response = cloudwatch._error(
                "ValidationError", str(error), 400, use_json=is_json, use_cbor=is_cbor
            )
            return refusal
        answer: Response
        if is_cbor:
            converted = [cloudwatch._cbor_metric_data_result(result) for result in results]
            answer = cloudwatch._cbor_ok({"MetricDataResults": converted})
        else:
            answer = cloudwatch._json_ok({"MetricDataResults": results})
        return answer

    cloudwatch._get_metric_data = get_metric_data


def _results(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    start, end = cloudwatch._parse_ts(request["StartTime"]), cloudwatch._parse_ts(request["EndTime"])
    queries = request["MetricDataQueries"]
    sampling.sample(time.time())

    def window_of(period_seconds: int) -> Window:
        first = math.floor(start / period_seconds) * period_seconds
        return Window(first, period_seconds, math.ceil((end - first) / period_seconds))

    series = evaluate_queries(queries, StoredMetrics(), window_of)
    newest_first = request.get("ScanBy", "TimestampDescending") == "TimestampDescending"
    return [
        _result(query, each, newest_first)
        for query in queries
        if query.get("ReturnData", True)
        for each in series[query["Id"]]
    ]


def _result(query: Mapping[str, Any], series: TimeSeries, newest_first: bool) -> dict[str, Any]:
    name = query.get("MetricStat", {}).get("Metric", {}).get("MetricName")
    timestamps = sorted(series, reverse=newest_first)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or name or query["Id"],
        "Timestamps": [cloudwatch._ts_iso(timestamp) for timestamp in timestamps],
        "Values": [series[timestamp] for timestamp in timestamps],
        "StatusCode": "Complete",
    }
