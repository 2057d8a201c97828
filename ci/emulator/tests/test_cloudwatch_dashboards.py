"""What a dashboard's widgets ask for.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from ci.emulator.cloudwatch.dashboards import metric_widgets, widget_queries


def metrics_of(queries):
    """Namespace, name and dimension values of each metric."""
    return [
        (metric["Namespace"], metric["MetricName"], *(each["Value"] for each in metric["Dimensions"]))
        for metric in (query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query)
    ]


def test_dots_repeat_what_stands_above():
    widget = {
        "metrics": [
            ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", "send"],
            ["...", "feedback"],
            [".", "NumberOfMessagesSent", ".", "send", {"stat": "Sum"}],
        ]
    }

    assert metrics_of(widget_queries(widget)) == [
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "send"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "feedback"),
        ("AWS/SQS", "NumberOfMessagesSent", "send"),
    ]


def test_query_has_the_settings_of_the_metric_before_those_of_the_widget():
    widget = {
        "stat": "Sum",
        "period": 60,
        "metrics": [
            [{"id": "rate", "expression": "100 * bounces / sends", "label": "Bounces"}],
            ["Shop", "Bounces", {"id": "bounces", "visible": False}],
            ["Shop", "Sends", {"id": "sends", "stat": "p99", "period": 3600}],
        ],
    }

    rate, bounces, sends = widget_queries(widget)

    assert rate == {
        "Id": "rate",
        "ReturnData": True,
        "Label": "Bounces",
        "Expression": "100 * bounces / sends",
    }
    assert (bounces["MetricStat"]["Stat"], bounces["MetricStat"]["Period"]) == ("Sum", 60)
    assert bounces["ReturnData"] is False
    assert (sends["MetricStat"]["Stat"], sends["MetricStat"]["Period"]) == ("p99", 3600)


def test_defaults_are_those_of_the_page():
    [query] = widget_queries({"metrics": [["Shop", "Sends"]]})

    assert (query["MetricStat"]["Stat"], query["MetricStat"]["Period"]) == ("Average", 300)


def test_only_metric_widgets_have_queries():
    body = {
        "widgets": [{"type": "alarm", "properties": {}}, {"type": "metric", "properties": {"metrics": []}}]
    }

    assert metric_widgets(body) == [{"metrics": []}]
