"""The embedded metric format: which document makes which metrics.

Every test is of
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html.
"""

import json

import pytest

from ci.emulator.cloudwatch.embedded_metrics import EmbeddedMetricFormatError, document_in, metrics_in


def document(dimensions=(("service",),), definitions=({"Name": "Sent", "Unit": "Count"},), **members):
    directive = {
        "Namespace": "Shop",
        "Dimensions": [list(keys) for keys in dimensions],
        "Metrics": list(definitions),
    }
    return {
        "_aws": {"Timestamp": 1_574_109_732_004, "CloudWatchMetrics": [directive]},
        "service": "shop",
        "Sent": 3,
        **members,
    }


def test_document_makes_one_metric_for_each_set_of_dimensions():
    """#CloudWatch_Embedded_Metric_Format_Specification_structure_dimensionset"""
    data = list(metrics_in(document(dimensions=[(), ("service",), ("service", "type")], type="order")))

    assert [dict(datum.metric.dimensions) for datum in data] == [
        {},
        {"service": "shop"},
        {"service": "shop", "type": "order"},
    ]
    assert {(datum.metric.namespace, datum.metric.name) for datum in data} == {("Shop", "Sent")}


def test_metric_has_the_values_unit_and_time_of_the_document():
    """#CloudWatch_Embedded_Metric_Format_Specification_structure_metricdefinition"""
    definitions = [
        {"Name": "Sent", "Unit": "Count"},
        {"Name": "Latency", "Unit": "Milliseconds", "StorageResolution": 1},
        {"Name": "Plain"},
    ]
    sent, latency, plain = metrics_in(document(definitions=definitions, Latency=[1, 2.5], Plain=0))

    assert (sent.values, sent.unit, sent.timestamp) == ((3.0,), "Count", 1_574_109_732.004)
    assert (latency.values, latency.unit) == ((1.0, 2.5), "Milliseconds")
    assert (plain.values, plain.unit) == ((0.0,), "None")


@pytest.mark.parametrize(
    ("broken", "complaint"),
    [
        (document(Sent="three"), "Sent must be a number"),
        (document(Sent=None), "Sent must be a number"),
        (document(Sent=[1] * 101), "101 values"),
        (document(service=7), "service must be a string"),
        (document(dimensions=[("absent",)]), "absent must be a string"),
        (document(dimensions=[["service"] * 31]), "31 dimensions"),
        (document(definitions=[{"Name": "Sent"}] * 101), "101 members"),
        ({"_aws": {"Timestamp": "now", "CloudWatchMetrics": []}}, "Timestamp"),
        ({"_aws": {"Timestamp": 1, "CloudWatchMetrics": [{"Dimensions": [[]]}]}}, "Namespace"),
    ],
)
def test_document_that_breaks_the_format_makes_no_metric(broken, complaint):
    """#CloudWatch_Embedded_Metric_Format_Specification_structure"""
    with pytest.raises(EmbeddedMetricFormatError, match=complaint):
        list(metrics_in(broken))


@pytest.mark.parametrize(
    ("message", "is_found"),
    [
        (json.dumps(document()), True),
        ("2026-11-24T06:00:00Z 5f2c INFO " + json.dumps(document()), True),
        ('{"message": "no metrics"}', False),
        ('"CloudWatchMetrics" as text', False),
        ('{"_aws": "CloudWatchMetrics", "CloudWatchMetrics": 1}', False),
        ('{"CloudWatchMetrics": ', False),
    ],
)
def test_document_is_found_in_a_log_event(message, is_found):
    """#CloudWatch_Embedded_Metric_Format_Specification_PutLogEvents"""
    assert (document_in(message) is not None) == is_found
