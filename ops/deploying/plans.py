"""What CloudFormation would do with a stack, before it does it: change sets, read through all nested stacks.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ops.deploying.stack_events import NESTED_STACK

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import ResourceChangeDetailTypeDef, ResourceChangeTypeDef

Action = Literal["add", "change", "replace", "may replace", "remove"]

STATEFUL_TYPES = (
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
)
"""Types of this service's resources that hold data, or without which data cannot be read."""


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Parameters
    ----------
    stack
        Where: logical ids from the deployed stack down, joined by "/"; empty for that stack itself.
    details
        Which properties change, each with its values where CloudFormation tells them.
    """

    action: Action
    stack: str
    logical_id: str
    resource_type: str
    details: tuple[str, ...] = ()

    @property
    def endangers_data(self) -> bool:
        """Whether something that holds data, or a whole stack, would be replaced or leave its stack."""
        is_precious = self.resource_type in (*STATEFUL_TYPES, NESTED_STACK)
        return is_precious and self.action in ("replace", "may replace", "remove")


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Parameters
    ----------
    change_set_id
        None when nothing would change.
    parameters
        Parameters of an existing stack that change: what they are (None: not there) and would be.
    unseen
        Why nested stacks could not be looked into; empty when they were.
    """

    stack_name: str
    is_new: bool
    change_set_id: str | None
    parameters: dict[str, tuple[str | None, str]]
    changes: tuple[Change, ...]
    unseen: str = ""

    @property
    def endangered(self) -> list[Change]:
        """Changes that would replace or remove what holds data."""
        return [change for change in self.changes if change.endangers_data]


def read(client: CloudFormationClient, change_set_id: str, path: str = "") -> Iterator[Change]:
    """Changes of a change set and of those nested in it. A nested stack is told by what changes in it."""
    pages = client.get_paginator("describe_change_set").paginate(
        ChangeSetName=change_set_id, IncludePropertyValues=True
    )
    for page in pages:
        if page["Status"] == "FAILED":
            return
        for entry in page["Changes"]:
            change = _change(entry["ResourceChange"], path)
            nested_id = entry["ResourceChange"].get("ChangeSetId")
            if nested_id is None or change.action in ("add", "remove"):
                yield change
            else:
                yield from read(client, nested_id, f"{path}/{change.logical_id}".lstrip("/"))


def _change(resource: ResourceChangeTypeDef, path: str) -> Change:
    details = map(_detail, resource.get("Details", []))
    return Change(
        action=_action(resource),
        stack=path,
        logical_id=resource["LogicalResourceId"],
        resource_type=resource["ResourceType"],
        details=tuple(dict.fromkeys(filter(None, details))),
    )


def _action(resource: ResourceChangeTypeDef) -> Action:
    match resource["Action"], resource.get("Replacement"):
        case "Add", _:
            return "add"
        case "Remove", _:
            return "remove"
        case _, "True":
            return "replace"
        case _, "Conditional":
            return "may replace"
    return "change"


def _detail(detail: ResourceChangeDetailTypeDef) -> str:
    target = detail.get("Target", {})
    name = target.get("Name") or target.get("Attribute", "")
    if "BeforeValue" in target or "AfterValue" in target:
        return f"{name}: {target.get('BeforeValue', '(none)')} → {target.get('AfterValue', '(none)')}"
    return name
