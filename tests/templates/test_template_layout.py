"""The layout is frozen: what a stack has made stays where it is and keeps its name (docs/decisions.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.templates.model import CHILDREN, template

LIST = Path(__file__).with_name("layout.txt")
MAY_GO = (
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::QueryDefinition",
)
"""Types that hold nothing and that nothing names: one of them may go, or become part of another."""
NAME_PROPERTIES = {
    "AWS::CloudWatch::Alarm": "AlarmName",
    "AWS::CloudWatch::CompositeAlarm": "AlarmName",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::IAM::Policy": "PolicyName",
    "AWS::IAM::Role": "Path",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::Logs::QueryDefinition": "Name",
    "AWS::SES::ConfigurationSet": "Name",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::Scheduler::Schedule": "Name",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
}


def line(stack: str, logical_id: str, definition: dict[str, Any]) -> str:
    """Return what the list says of a resource."""
    property_ = NAME_PROPERTIES.get(definition["Type"])
    name = definition["Properties"][property_] if property_ else "-"
    text = name if isinstance(name, str) else name["Fn::Sub"]
    return f"{stack} {logical_id} {definition['Type']} {text}"


def layout() -> list[str]:
    """Return the lines of all templates."""
    return [
        line(stack, logical_id, definition)
        for stack in ("root", *CHILDREN)
        for logical_id, definition in template(stack)["Resources"].items()
    ]


def listed() -> list[str]:
    """Return the lines of the list."""
    return [text for text in LIST.read_text().splitlines() if text and not text.startswith("#")]


def faults(there: list[str], expected: list[str]) -> list[str]:
    """Return what has to be done so that templates and list agree."""
    missing = [text for text in expected if text not in there]
    found = []
    for text in missing:
        if text.split(" ")[2] in MAY_GO:
            found.append(f"{text}: remove this line, and say why in docs/decisions.md")
        else:
            found.append(f"{text}: put this back into the template as it was; AWS would delete or replace it")
    added = [text for text in there if text not in expected]
    return found + [f"{text}: add this line to tests/templates/{LIST.name}" for text in added]


def test_nothing_that_is_listed_has_moved_or_changed_its_name_and_everything_is_listed() -> None:
    assert faults(layout(), listed()) == []


def test_list_is_sorted_and_names_nothing_twice() -> None:
    assert listed() == sorted(set(listed()))


QUEUE = "messaging SendQueue AWS::SQS::Queue ${ServiceName}-${Environment}-send"
ALARM = "observability EmailsLateAlarm AWS::CloudWatch::Alarm ${ServiceName}-${Environment}-emails-late"


@pytest.mark.parametrize(
    ("there", "advice"),
    [
        ([ALARM], ["put this back"]),
        ([ALARM, QUEUE.replace("messaging", "sending")], ["put this back", "add this line"]),
        ([ALARM, QUEUE.replace("-send", "-orders")], ["put this back", "add this line"]),
        ([ALARM, QUEUE.replace("SendQueue", "OrderQueue")], ["put this back", "add this line"]),
        ([ALARM, QUEUE, QUEUE.replace("Send", "Other")], ["add this line"]),
        ([QUEUE], ["remove this line, and say why"]),
        ([QUEUE, ALARM], []),
    ],
)
def test_each_change_of_the_layout_is_noticed(there: list[str], advice: list[str]) -> None:
    found = faults(there, [QUEUE, ALARM])

    assert len(found) == len(advice)
    assert all(text in fault for text, fault in zip(advice, found, strict=True))
