"""The examples of suppressed actions on AWS's page, each with its times t2 to t9 as seconds.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html
"""

import time
from typing import Any

import pytest

from ci.emulator.cloudwatch.alarm_notifications import Transition
from ci.emulator.cloudwatch.alarm_suppression import PendingActions
from ci.emulator.tests.stacks import Stack


def actions_taken(
    wait: int, extension: int, changes: dict[int, str], suppressor_in_alarm: range
) -> list[Any]:
    """Play the times 1 to 9; returns when the composite alarm acted, and on which state."""
    taken, pending, before = [], None, "OK"
    for at in range(1, 10):
        if at in changes:
            transition = Transition({}, before, changes[at], "", at)
            pending, before = PendingActions(transition, wait, extension), changes[at]
        if pending and pending.are_due(at in suppressor_in_alarm, at):
            taken.append((at, pending.transition.new_state))
            pending = None
    return taken


@pytest.mark.parametrize(
    ("wait", "extension", "changes", "suppressor_in_alarm", "expected"),
    [
        pytest.param(2, 0, {2: "ALARM"}, range(0), [(4, "ALARM")], id="1: after the wait period"),
        pytest.param(2, 0, {2: "ALARM"}, range(3, 10), [], id="2: suppressed within the wait period"),
        pytest.param(2, 0, {2: "ALARM", 3: "OK"}, range(0), [(5, "OK")], id="3: a change restarts the wait"),
        pytest.param(2, 0, {2: "ALARM"}, range(10), [], id="4: suppressed from the start"),
        pytest.param(2, 3, {2: "ALARM"}, range(3, 6), [(9, "ALARM")], id="5: after the extension period"),
        pytest.param(
            2, 2, {2: "ALARM", 7: "OK"}, range(3, 6), [(9, "OK")], id="6: a change ends the extension"
        ),
    ],
)
def test_actions_are_taken_as_in_the_examples(wait, extension, changes, suppressor_in_alarm, expected):
    assert actions_taken(wait, extension, changes, suppressor_in_alarm) == expected


SUPPRESSED_ALARM = """
Resources:
  Held:
    Type: AWS::CloudWatch::Alarm
    Properties: {AlarmName: NAME-held, Namespace: NAME, MetricName: Held, RULE}
  Failing:
    Type: AWS::CloudWatch::Alarm
    Properties: {AlarmName: NAME-failing, Namespace: NAME, MetricName: Failures, RULE}
  Page:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties:
      AlarmName: NAME
      AlarmRule: !Sub 'ALARM("${Failing}")'
      ActionsSuppressor: !Ref Held
      ActionsSuppressorWaitPeriod: 60
      ActionsSuppressorExtensionPeriod: 60
"""
RULE = (
    "Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 0, ComparisonOperator: GreaterThanThreshold"
)


def test_composite_alarm_of_a_template_is_suppressed(clients, emulator):
    stack, cloudwatch = Stack(clients), clients("cloudwatch")
    stack.create(SUPPRESSED_ALARM.replace("RULE", RULE).replace("NAME", stack.name))
    end = int(time.time()) // 60 * 60 + 600
    for metric in ("Held", "Failures"):
        datum = {"MetricName": metric, "Value": 1, "Timestamp": end - 30}
        cloudwatch.put_metric_data(Namespace=stack.name, MetricData=[datum])

    emulator.control.evaluate_alarms(at=end)

    found = cloudwatch.describe_alarms(AlarmNames=[stack.name], AlarmTypes=["CompositeAlarm"])
    [alarm] = found["CompositeAlarms"]
    assert (alarm["StateValue"], alarm["ActionsSuppressedBy"]) == ("ALARM", "Alarm")
