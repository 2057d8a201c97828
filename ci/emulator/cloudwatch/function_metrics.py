"""Gap: ``AWS/Lambda`` metrics for every run of a function.

MiniStack publishes them for direct invocations only: runs for event source mappings, SNS or schedules count
nothing. Here they are published where each run passes, and MiniStack's own are left out.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
"""

import time
from typing import Any

from ci.emulator.cloudwatch import store
from ci.emulator.cloudwatch.metrics import Metric
from ci.emulator.ministack import lambda_svc


def install() -> None:
    """Publish Invocations, Errors, Throttles, Duration and ConcurrentExecutions of each run."""
    execute = lambda_svc._execute_function

    def execute_and_measure(function: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        configuration = function.get("config") or function
        if lambda_svc._function_config_scope_mismatch(configuration):
            # It comes back here in the account and region of the function.
            result: dict[str, Any] = execute(function, event)
            return result
        started_at = time.time()
        _, in_flight = lambda_svc.executions_in_flight()
        concurrent = in_flight.get(lambda_svc._inflight_key(configuration), 0) + 1
        result = execute(function, event)
        _publish(configuration["FunctionName"], started_at, concurrent, result)
        return result

    lambda_svc._execute_function = execute_and_measure
    lambda_svc._emit_lambda_metrics = _publish_nothing


def _publish(function_name: str, started_at: float, concurrent: int, result: dict[str, Any]) -> None:
    """Publish with the time of the run's start, as Lambda does; a throttled run is no invocation."""
    throttled = bool(result.get("throttle"))
    counts = {"Throttles": int(throttled)}
    if not throttled:
        counts |= {
            "Invocations": 1,
            "Errors": int(bool(result.get("error"))),
            "ConcurrentExecutions": concurrent,
        }
    for name, count in counts.items():
        store.record(_metric(function_name, name), started_at, [count], "Count")
    if not throttled:
        duration_ms = (time.time() - started_at) * 1000
        store.record(_metric(function_name, "Duration"), started_at, [duration_ms], "Milliseconds")


def _metric(function_name: str, name: str) -> Metric:
    return Metric("AWS/Lambda", name, frozenset({("FunctionName", function_name)}))


def _publish_nothing(*_arguments: object, **_options: object) -> None:
    """Stand in for MiniStack's publisher."""
