"""The alarm evaluator against AWS's own tables and rules."""

import pytest

from ci.emulator.cloudwatch.alarm_evaluation import evaluate, state_of
from ci.emulator.cloudwatch.metric_math_syntax import MetricMathError
from ci.emulator.cloudwatch.metrics import Metric, RecordedMetrics

AT = 1_800_000_000 // 60 * 60
RETAINED = "the state before"
BOUNCES = Metric("Shop", "Bounces")
SENDS = Metric("Shop", "Sends")

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
# Data points, newest last (0 within, X breaching, - missing), then the state for each of TREATMENTS.
THREE_OF_THREE = [
    ("0 - X - X", "OK", "OK", "OK", "OK"),
    ("0 - - - -", "OK", "OK", "OK", "OK"),
    ("- - - - -", "INSUFFICIENT_DATA", RETAINED, "ALARM", "OK"),
    ("0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("- - X - -", "ALARM", RETAINED, "ALARM", "OK"),
]
TWO_OF_THREE = [
    ("0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"),
    ("0 - X - -", "OK", "OK", "ALARM", "OK"),
    ("- - - - 0", "OK", "OK", "ALARM", "OK"),
    ("- - - X -", "ALARM", RETAINED, "ALARM", "OK"),
]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
TABLE = [
    pytest.param(points, to_alarm, treatment, state, id=f"{to_alarm} of 3: {points} {treatment}")
    for to_alarm, rows in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for points, *states in rows
    for treatment, state in zip(TREATMENTS, states, strict=True)
]


def breaching(points: str) -> list[bool | None]:
    return [{"0": False, "X": True, "-": None}[point] for point in points.split()]


def alarm(**properties):
    """A 3-of-3 alarm on bounces above 5 a minute."""
    return {
        "Namespace": "Shop",
        "MetricName": "Bounces",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
        **properties,
    }


def rate_alarm(expression: str, **properties):
    """An alarm on an expression over bounces (b) and sends (s), 5-minute periods."""

    def metric(identifier: str, name: str):
        stat = {"Metric": {"Namespace": "Shop", "MetricName": name}, "Period": 300, "Stat": "Sum"}
        return {"Id": identifier, "MetricStat": stat, "ReturnData": False}

    return {
        "Metrics": [
            {"Id": "rate", "Expression": expression, "Label": "rate"},
            metric("b", "Bounces"),
            metric("s", "Sends"),
        ],
        "EvaluationPeriods": "1",
        "Threshold": "5",
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        **properties,
    }


def bounces(*values: float | None, end: float = AT) -> RecordedMetrics:
    metrics = RecordedMetrics()
    metrics.record_series(BOUNCES, values, end)
    return metrics


@pytest.mark.parametrize("before", ["OK", "ALARM", "INSUFFICIENT_DATA"])
@pytest.mark.parametrize(("points", "datapoints_to_alarm", "treatment", "expected"), TABLE)
def test_state_is_that_of_the_aws_table_when_data_is_missing(
    points, datapoints_to_alarm, treatment, expected, before
):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"""
    state = state_of(breaching(points), 3, datapoints_to_alarm, treatment, before)

    assert state == (before if expected is RETAINED else expected)


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_state_does_not_become_alarm_prematurely_when_breaching_data_is_too_young(points):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"""
    assert state_of(breaching(points), 3, 3, "missing", "OK") == "OK"


def test_state_is_alarm_when_enough_real_points_breach_although_some_are_missing():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"""
    states = {state_of(breaching("- - - X X"), 3, 2, treatment, "OK") for treatment in TREATMENTS}

    assert states == {"ALARM"}


def test_alarm_fires_and_recovers_as_in_the_aws_figure():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

    Above the threshold in periods 3 to 5 and 9, three of three needed: ALARM at 5, OK again from 6.
    """
    values = [2, 2, 4, 5, 4, 2, 2, 2, 4]
    metrics = bounces(*values)
    start = AT - len(values) * 60

    states = [evaluate(alarm(Threshold=3), metrics, at=start + period * 60).state for period in range(3, 10)]

    assert states == ["OK", "OK", "ALARM", "OK", "OK", "OK", "OK"]


def test_window_slides_by_a_minute_when_the_period_is_longer():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html

    A 5-minute alarm looks at minutes 1 to 5, then at minutes 2 to 6.
    """
    five_minutes = alarm(Period=300, EvaluationPeriods=1, Threshold=9, TreatMissingData="notBreaching")
    metrics = bounces(10, 0, 0, 0, 0, 0)

    assert evaluate(five_minutes, metrics, at=AT - 60).state == "ALARM"
    assert evaluate(five_minutes, metrics, at=AT).state == "OK"


def test_minute_that_is_not_over_is_not_evaluated():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    one_of_one = alarm(EvaluationPeriods=1, TreatMissingData="notBreaching")
    metrics = bounces(10, end=AT + 60)

    assert evaluate(one_of_one, metrics, at=AT + 59).state == "OK"
    assert evaluate(one_of_one, metrics, at=AT + 60).state == "ALARM"


def test_high_resolution_alarm_is_evaluated_every_ten_seconds():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    high_resolution = alarm(Period=10, EvaluationPeriods=1, TreatMissingData="notBreaching")
    metrics = RecordedMetrics()
    metrics.record(BOUNCES, AT + 12, 6)

    assert evaluate(high_resolution, metrics, at=AT + 20).state == "ALARM"


def test_ratio_is_alarmed_when_it_is_above_the_threshold_and_the_volume():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html"""
    gated = rate_alarm("IF(s >= 50, 100 * b / s, 0)")
    spike, two_mails = RecordedMetrics(), RecordedMetrics()
    spike.record(BOUNCES, AT - 90, 6)
    spike.record(SENDS, AT - 100, 100)
    two_mails.record(BOUNCES, AT - 90, 1)
    two_mails.record(SENDS, AT - 100, 2)

    assert evaluate(gated, spike, AT).state == "ALARM"
    assert evaluate(gated, two_mails, AT).state == "OK"
    assert evaluate(gated, RecordedMetrics(), AT).state == "OK"


def test_alarm_refuses_metrics_of_different_periods():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create-alarm-on-metric-math-expression.html"""
    mixed = rate_alarm("b / s")
    mixed["Metrics"][1]["MetricStat"]["Period"] = 60

    with pytest.raises(MetricMathError, match="same period"):
        evaluate(mixed, RecordedMetrics(), AT)


def test_other_dimensions_and_units_are_other_data():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html"""
    metrics = RecordedMetrics()
    metrics.record(Metric("Shop", "Bounces", frozenset({("type", "order")})), AT - 30, 10, unit="Count")
    one_of_one = alarm(EvaluationPeriods=1, Dimensions=[{"Name": "type", "Value": "order"}])

    assert evaluate(one_of_one | {"Dimensions": []}, metrics, AT).state == "INSUFFICIENT_DATA"
    assert evaluate(one_of_one | {"Unit": "Seconds"}, metrics, AT).state == "INSUFFICIENT_DATA"
    assert evaluate(one_of_one | {"Unit": "Count"}, metrics, AT).state == "ALARM"


def test_missing_dynamodb_data_is_ignored_by_default():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html"""
    throttles = alarm(Namespace="AWS/DynamoDB", MetricName="ThrottledRequests")

    assert evaluate(throttles, RecordedMetrics(), AT, "ALARM").state == "ALARM"


@pytest.mark.parametrize(("samples", "expected"), [(999, "OK"), (1000, "ALARM")])
def test_p99_of_too_few_samples_keeps_the_state_when_told_to_ignore_them(samples, expected):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html

    Fewer than 10/(1-percentile) samples are too few: under 1000 for p99.
    """
    latency = alarm(
        Statistic=None,
        ExtendedStatistic="p99",
        EvaluationPeriods=1,
        EvaluateLowSampleCountPercentile="ignore",
    )
    metrics = RecordedMetrics()
    metrics.record(BOUNCES, AT - 30, *[30.0] * samples)

    assert evaluate(latency, metrics, AT, "OK").state == expected
    assert evaluate(latency | {"EvaluateLowSampleCountPercentile": "evaluate"}, metrics, AT).state == "ALARM"


@pytest.mark.parametrize(
    ("values", "treatment", "reason"),
    [
        (
            (6,),
            "missing",
            "Threshold Crossed: 1 out of the last 1 datapoints [6.0 (15/01/27 07:59:00)] was greater than "
            "the threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition).",
        ),
        (
            (4,),
            "missing",
            "Threshold Crossed: 1 out of the last 1 datapoints [4.0 (15/01/27 07:59:00)] was not greater "
            "than the threshold (5.0) (minimum 1 datapoint for ALARM -> OK transition).",
        ),
        ((), "missing", "Insufficient Data: 1 datapoint was unknown."),
        (
            (),
            "breaching",
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated "
            "as [Breaching].",
        ),
    ],
)
def test_reason_says_which_data_points_crossed_the_threshold(values, treatment, reason):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html"""
    one_of_one = alarm(EvaluationPeriods=1, TreatMissingData=treatment)

    assert evaluate(one_of_one, bounces(*values), AT).reason == reason
