"""Metric math against the examples and rules of AWS's page.

Every test is of https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html.
"""

import pytest

from ci.emulator.cloudwatch.metric_math import Scope, Window, evaluate
from ci.emulator.cloudwatch.metric_math_syntax import MetricMathError, parse
from ci.emulator.cloudwatch.metric_queries import check_alarm_queries, evaluate_queries
from ci.emulator.cloudwatch.metrics import RecordedMetrics

PERIOD_SECONDS = 60


def series(points: str):
    """Read ``"30 - 20"`` as a value a minute; ``-`` is a missing one."""
    values = [None if point == "-" else float(point) for point in points.split()]
    return {index * PERIOD_SECONDS: value for index, value in enumerate(values) if value is not None}


def calculate(expression: str, periods: int = 5, **metrics: str):
    """Evaluate an expression over metrics written as in ``series``."""
    window = Window(0, PERIOD_SECONDS, periods)
    named = {identifier: series(points) for identifier, points in metrics.items()}
    return evaluate(parse(expression), Scope(named, {}, window))


def query(identifier: str, name: str, period_seconds: int = PERIOD_SECONDS):
    stat = {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": period_seconds, "Stat": "Sum"}
    return {"Id": identifier, "MetricStat": stat, "ReturnData": False}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("metric1 < metric2", "0 0 1 0"),
        ("metric1 >= 30", "1 0 0 0"),
        ("metric1 > 15 AND metric2 > 15", "1 0 0 0"),
        ("metric1 > 15 OR metric2 > 15", "1 1 1 0"),
    ],
)
def test_comparison_and_logic_are_those_of_the_table(expression, expected):
    """#metric-math-syntax-operators"""
    assert calculate(expression, metric1="30 20 0 0", metric2="20 - 20 -") == series(expected)


@pytest.mark.parametrize(
    ("expression", "metric1", "metric2", "metric3", "expected"),
    [
        ("IF(metric1, metric2, metric3)", "1 1 0 0 -", "30 - 0 0 30", "0 0 20 - 20", "30 0 20 - -"),
        ("IF(metric1, 5, metric3)", "1 1 0 0 -", "-", "0 0 20 - 20", "5 5 20 - -"),
        ("IF(metric1, metric2, 5)", "1 1 0 0 -", "30 - 0 0 30", "-", "30 0 5 5 -"),
        ("IF(1, metric2, metric3)", "-", "30 - 0", "1 1 1", "30 - 0"),
        ("IF(0, metric2, metric3)", "-", "30 - 0", "1 1 1", "1 1 1"),
        ("IF(0, metric2)", "-", "30 - 0", "-", "- - -"),
        ("IF(metric1 < 400, metric1)", "500 300 - 399", "-", "-", "- 300 - 399"),
        ("IF(metric1 < 400, 10, 2)", "500 300 - 399", "-", "-", "2 10 - 10"),
    ],
)
def test_if_chooses_as_in_the_tables(expression, metric1, metric2, metric3, expected):
    """#using-IF-expressions"""
    result = calculate(expression, metric1=metric1, metric2=metric2, metric3=metric3)

    assert result == series(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1 + m2", "4 2 1 -"),  # missing values are treated as 0
        ("m1 / m2", "3 - 0 -"),  # a division by zero drops the data point
        ("100 * m1 / (m1 + m2)", "75 100 0 -"),
        ("-m1 + 1", "-2 -1 - -"),
        ("MAX([m1, m2])", "3 2 1 -"),
        ("SUM(100 / [m1, m2])", "133.33333333333331 50 100 -"),
    ],
)
def test_arithmetic_and_aggregates(expression, expected):
    """#metric-math-syntax-arithmetic and #metric-math-syntax-functions-list"""
    result = calculate(expression, periods=4, m1="3 2 - -", m2="1 - 1 -")

    assert result == pytest.approx(series(expected))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("FILL(m1, 0)", "0 2 0 8 0"),
        ("FILL(m1, MAX(m1))", "8 2 8 8 8"),
        ("FILL(m1, m2)", "1 2 1 8 -"),
    ],
)
def test_functions_of_one_series(expression, expected):
    """#metric-math-syntax-functions-list"""
    assert calculate(expression, m1="- 2 - 8 -", m2="1 1 1 1 -") == pytest.approx(series(expected))


def test_fill_gives_every_period_a_value_when_the_metric_has_none():
    """#metric-math-syntax-functions-list"""
    assert calculate("FILL(m1, 0)", periods=3, m1="-") == series("0 0 0")


def test_expression_can_refer_to_an_expression_that_comes_later():
    """#adding-metrics-expression-console"""
    queries = [
        {"Id": "e1", "Expression": "e2 + 1"},
        {"Id": "e2", "Expression": "FILL(m1, 1)"},
        query("m1", "Sends"),
    ]

    results = evaluate_queries(queries, RecordedMetrics(), lambda period: Window(0, period, 1))

    assert results["e1"] == [{0: 2.0}]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("m1 +", "its end"),
        ("m1 $ 2", "character 4"),
        ("(m1", "its end"),
        ("m1 m1", "'m1'"),
        ("m1 + unknown", "'unknown'"),
        ("SEARCH(m1)", "SEARCH"),
        ("sum(m1)", "sum"),
        ("MAX(m1)", "scalar"),
        ("[m1, m1]", "array"),
        ("[m1, m1] * [m1, m1]", "two arrays"),
        ("e1", "itself"),
        ("IF(m1)", "IF takes"),
        ("[1, m1]", "scalar"),
    ],
)
def test_alarm_refuses_what_cannot_be_evaluated_and_says_why(expression, complaint):
    """#metric-math-syntax"""
    with pytest.raises(MetricMathError, match=complaint):
        check_alarm_queries([{"Id": "e1", "Expression": expression}, query("m1", "Sends")])


@pytest.mark.parametrize(
    ("queries", "complaint"),
    [
        ([query("M1", "Sends") | {"ReturnData": True}], "lowercase"),
        ([query("m1", "Sends"), query("m1", "Bounces") | {"ReturnData": True}], "unique"),
        ([query("m1", "Sends")], "Exactly one"),
        ([query("m1", "Sends", 60) | {"ReturnData": True}, query("m2", "Bounces", 300)], "same period"),
        ([{"Id": "e1", "Expression": "1"}], "1 to 10 metrics"),
    ],
)
def test_alarm_refuses_a_list_of_metrics_that_cloudwatch_refuses(queries, complaint):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    with pytest.raises(MetricMathError, match=complaint):
        check_alarm_queries(queries)
