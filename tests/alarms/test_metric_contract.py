"""What alarms, dashboard and saved queries read is what the code, or a named AWS service, puts there."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci.emulator.cloudwatch.dashboards import metric_widgets, widget_queries
from ci.emulator.cloudwatch.metric_math import Window
from ci.emulator.cloudwatch.metric_queries import check_alarm_queries, evaluate_queries
from ci.emulator.cloudwatch.metrics import Metric, RecordedMetrics
from notifications import metric_names
from tests.alarms.world import SERVICE, alarms, deployment
from tests.templates.model import PROJECT, resources_of

NAMESPACE = "EmailNotifications"
MAXIMUM_CUSTOM_METRICS = 12
STACKS = deployment()
ALARMS = alarms()
QUERIES = resources_of(STACKS, "AWS::Logs::QueryDefinition")
PAGE = (PROJECT / "docs" / "observability.md").read_text()

# What services publish by themselves, the dimension that tells whose it is, and the page that says so.
OF_SERVICES = {
    "AWS/Lambda": (
        "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html",
        "FunctionName",
        {"Errors", "Throttles", "Invocations", "Duration"},
    ),
    "AWS/SES": (
        "https://docs.aws.amazon.com/ses/latest/dg/reputationdashboard-cloudwatch-alarm.html",
        None,
        {"Reputation.BounceRate", "Reputation.ComplaintRate"},
    ),
    "AWS/Scheduler": (
        "https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html",
        "ScheduleGroup",
        {"InvocationAttemptCount"},
    ),
    "AWS/SQS": (
        "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html",
        "QueueName",
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfMessagesSent",
        },
    ),
}
EXISTING = {
    "ScheduleGroup": {group.name for group in resources_of(STACKS, "AWS::Scheduler::ScheduleGroup")},
    "QueueName": {queue.name for queue in resources_of(STACKS, "AWS::SQS::Queue")},
    "FunctionName": {function.name for function in resources_of(STACKS, "AWS::Lambda::Function")},
}


def constants() -> dict[str, str]:
    """Metric names by their constants."""
    return {name: value for name, value in vars(metric_names).items() if name.isupper()}


def trees() -> dict[Path, ast.Module]:
    """The functions' code."""
    return {path: ast.parse(path.read_text()) for path in (PROJECT / "functions").rglob("*.py")}


def emitted() -> set[str]:
    """Metrics that the functions' code names where it counts or times."""
    names = {
        node.attr
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "metric_names"
    }
    return {value for name, value in constants().items() if name in names}


def dashboard() -> dict[str, Any]:
    (resource,) = resources_of(STACKS, "AWS::CloudWatch::Dashboard")
    body: dict[str, Any] = json.loads(resource.properties["DashboardBody"])
    return body


def read_by_alarms() -> Iterator[tuple[str, Metric]]:
    for alarm in ALARMS.values():
        for query in alarm.properties.get("Metrics", [{"MetricStat": {"Metric": alarm.properties}}]):
            if "MetricStat" in query:
                yield alarm.logical_id, Metric.from_api(query["MetricStat"]["Metric"])


def read_by_widgets() -> Iterator[tuple[str, Metric]]:
    for widget in metric_widgets(dashboard()):
        for query in widget_queries(widget):
            if "MetricStat" in query:
                yield widget["title"], Metric.from_api(query["MetricStat"]["Metric"])


READ = [*read_by_alarms(), *read_by_widgets()]


def test_every_metric_that_has_a_name_is_emitted_by_the_code() -> None:
    assert emitted() == set(constants().values())


def test_custom_metrics_are_few_because_each_costs() -> None:
    assert len(emitted()) <= MAXIMUM_CUSTOM_METRICS


def test_functions_emit_into_the_namespace_and_with_the_dimension_that_are_read() -> None:
    for function in resources_of(STACKS, "AWS::Lambda::Function"):
        variables = function.properties["Environment"]["Variables"]
        if "POWERTOOLS_METRICS_NAMESPACE" in variables:
            assert variables["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE
            assert variables["POWERTOOLS_SERVICE_NAME"] == SERVICE


@pytest.mark.parametrize(("reader", "metric"), READ, ids=[f"{r}: {m.name}" for r, m in READ])
def test_metric_that_is_read_is_emitted_by_the_code_or_by_an_aws_service(reader: str, metric: Metric) -> None:
    if metric.namespace == NAMESPACE:
        assert metric.name in emitted()
        assert metric.dimensions == {("service", SERVICE)}
        return
    _, dimension, names = OF_SERVICES[metric.namespace]
    assert metric.name in names
    assert {name for name, _ in metric.dimensions} == ({dimension} if dimension else set())
    for name, value in metric.dimensions:
        assert value in EXISTING[name]


def test_every_metric_that_is_emitted_is_read() -> None:
    assert {metric.name for _, metric in READ if metric.namespace == NAMESPACE} == emitted()


@pytest.mark.parametrize(
    "alarm", [a for a in ALARMS.values() if "Metrics" in a.properties], ids=lambda a: a.name
)
def test_cloudwatch_takes_the_alarms_metric_math(alarm: Any) -> None:
    check_alarm_queries(alarm.properties["Metrics"])


@pytest.mark.parametrize("widget", metric_widgets(dashboard()), ids=lambda widget: widget["title"])
def test_widgets_expressions_use_metrics_of_their_widget(widget: dict[str, Any]) -> None:
    evaluate_queries(widget_queries(widget), RecordedMetrics(), lambda period: Window(0, period, 1))


# --- logs --------------------------------------------------------------------------------------

OF_INSIGHTS = {
    *("fields", "filter", "stats", "sort", "limit", "by", "as", "asc", "desc", "in", "or", "and"),
    *("count", "max", "ispresent"),
}
"""Words of the query language that our queries use."""
LEVELS = {"WARNING", "ERROR", "CRITICAL"}


def log_queries() -> dict[str, str]:
    """All queries by name, the dashboard's included, without comments and sources."""
    of_widgets = {
        widget["properties"]["title"]: widget["properties"]["query"]
        for widget in dashboard()["widgets"]
        if widget["type"] == "log"
    }
    saved = {query.properties["Name"]: query.properties["QueryString"] for query in QUERIES}
    return {
        name: re.sub(r"SOURCE '[^']+' \|", "", re.sub(r"(?m)^#.*$", "", text))
        for name, text in (of_widgets | saved).items()
    }


def logged_fields() -> set[str]:
    """What the applications name: keys of dictionaries, and keyword arguments of the logger."""
    applications = [tree for path, tree in trees().items() if path.parent.name == "applications"]
    nodes = [node for tree in applications for node in ast.walk(tree)]
    keys = {key for node in nodes if isinstance(node, ast.Dict) for key in node.keys}
    to_logger = [
        node
        for node in nodes
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("telemetry.logger.")
    ]
    names = [key.value for key in keys if isinstance(key, ast.Constant)]
    return {name for name in names if isinstance(name, str)} | {
        keyword.arg for call in to_logger for keyword in call.keywords if keyword.arg
    }


def texts_of_the_code() -> set[str]:
    """Text constants, among which are the values of log lines."""
    nodes = [node for tree in trees().values() for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("name", log_queries())
def test_query_asks_for_fields_and_values_that_the_code_logs(name: str) -> None:
    query = log_queries()[name]
    values = set(re.findall(r"""["']([^"']+)["']""", query))
    outside = re.sub(r"""["'][^"']+["']|@\w+""", "", query)
    named = set(re.findall(r"as (\w+)", outside))
    fields = set(re.findall(r"[a-z_]+", outside)) - OF_INSIGHTS - named - {"message", "level"}

    assert fields
    assert fields <= logged_fields()
    assert values - {"ORDER_KEY"} <= texts_of_the_code() | LEVELS


def test_queries_search_log_groups_that_exist() -> None:
    groups = {group.name for group in resources_of(STACKS, "AWS::Logs::LogGroup")}
    searched = {name for query in QUERIES for name in query.properties["LogGroupNames"]}
    (widget,) = (widget for widget in dashboard()["widgets"] if widget["type"] == "log")

    assert searched <= groups
    assert set(re.findall(r"SOURCE '([^']+)'", widget["properties"]["query"])) <= groups


def test_saved_queries_are_in_a_folder_of_their_deployment() -> None:
    assert QUERIES
    assert all(query.properties["Name"].startswith(f"{SERVICE}/") for query in QUERIES)


# --- the page ----------------------------------------------------------------------------------


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of docs/observability.md."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_page_lists_every_metric_with_its_unit_and_the_alarms_that_read_it() -> None:
    listed = {name.strip("`"): (unit, who) for name, unit, _, who in rows("Metrics")}

    assert set(listed) == emitted()
    for name, (unit, who) in listed.items():
        readers = {ALARMS[reader].name for reader, metric in read_by_alarms() if metric.name == name}
        assert unit == ("Milliseconds" if name == metric_names.ACCEPTANCE_LATENCY else "Count")
        assert {f"{SERVICE}-{alarm}" for alarm in re.findall(r"`([^`]+)`", who)} == readers


def test_page_lists_every_alarm_with_its_severity_and_runbook() -> None:
    everything = resources_of(STACKS, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    described = {
        alarm.name.removeprefix(f"{SERVICE}-"): re.findall(
            r"Severity: (\w+)\. Runbook: docs/(\S+)", alarm.properties["AlarmDescription"]
        )[0]
        for alarm in everything
    }
    listed = {
        name.strip("`"): (severity, re.findall(r"\((.+)\)", runbook)[0])
        for name, severity, _, runbook in rows("Alarms")
    }

    assert listed == described


def test_page_tells_how_many_metrics_the_alarms_are_charged_for() -> None:
    """https://aws.amazon.com/cloudwatch/pricing/ (an alarm on metric math costs by the metrics in it)."""
    stated = re.findall(r"(\d+) at \$0.10", PAGE)

    assert stated == [str(len(list(read_by_alarms())))]
