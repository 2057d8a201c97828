"""The statistics of a period."""

import pytest

from ci.emulator.cloudwatch.metrics import Sample, statistic

SAMPLES = [Sample.of(0, 1), Sample.of(1, 2, count=2), Sample.of(2, 5)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SampleCount", 4),
        ("Sum", 10),
        ("Average", 2.5),
        ("Minimum", 1),
        ("Maximum", 5),
        ("p50", 2),
        ("p100", 5),
        ("p99.9", 4.991),
    ],
)
def test_statistic_weighs_each_value_by_its_count(name, expected):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html"""
    assert statistic(name, SAMPLES) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["Sum", "p99"])
def test_statistic_is_missing_when_there_is_no_sample(name):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html"""
    assert statistic(name, []) is None


def test_percentile_is_missing_when_a_value_is_negative_or_a_set_hides_its_values():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html"""
    statistic_set = Sample(timestamp=0, count=2, total=4, minimum=1, maximum=3)

    assert statistic("p50", [Sample.of(0, -1)]) is None
    assert statistic("p50", [statistic_set]) is None
    assert statistic("Average", [statistic_set]) == 2


def test_unsupported_statistic_is_refused_by_name():
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html"""
    with pytest.raises(ValueError, match="tm99"):
        statistic("tm99", SAMPLES)
