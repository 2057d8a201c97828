"""What CloudFormation would do, before it does it: change sets, read through all nested stacks.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from ops.deploying.protection import STATEFUL_TYPES
from ops.deploying.stack_events import NESTED_STACK
from ops.errors import DeploymentError
from ops.waiting import wait_for

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import (
        DescribeChangeSetOutputTypeDef,
        ResourceChangeDetailTypeDef,
        ResourceChangeTypeDef,
    )

Action = Literal["add", "change", "replace", "may replace", "remove"]
Kind = Literal["CREATE", "UPDATE"]

TIMEOUT_SECONDS = 600.0
"""How long a change set is waited for."""

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Change:
    """What becomes of one resource.

    Parameters
    ----------
    stack
        Where: logical ids from the deployed stack down, joined by "/"; empty for that stack itself.
    details
        Which properties change, each with its values or its cause where CloudFormation tells them.
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
class ChangeSet:
    """A change set that CloudFormation has made.

    Parameters
    ----------
    id
        None when nothing would change: then there is nothing to execute either.
    unseen
        Why nested stacks could not be looked into; empty when they were.
    """

    id: str | None
    changes: tuple[Change, ...] = ()
    unseen: str = ""


def create(
    client: CloudFormationClient, kind: Kind, request: dict[str, Any], *, poll_seconds: float
) -> ChangeSet:
    """Make a change set and read what it holds.

    Nested stacks are looked into when they exist. A change set for stacks that are yet to be made would
    need the outputs of siblings that do not exist either; of those it is enough to know that all is new.

    Parameters
    ----------
    request
        Stack name, template, parameters, tags and capabilities, as CloudFormation names them.
    poll_seconds
        Time between two looks at the change set.

    Raises
    ------
    DeploymentError
        CloudFormation refused it; says why, in its words.
    """
    if kind != "UPDATE":
        return _create(client, kind, request, poll_seconds=poll_seconds)
    try:
        return _create(client, kind, request | {"IncludeNestedStacks": True}, poll_seconds=poll_seconds)
    except DeploymentError as error:
        without = _create(client, kind, request, poll_seconds=poll_seconds)
        return ChangeSet(without.id, without.changes, error.what)


def _create(
    client: CloudFormationClient, kind: Kind, request: dict[str, Any], *, poll_seconds: float
) -> ChangeSet:
    stack_name = request["StackName"]
    try:
        made = client.create_change_set(
            ChangeSetName=f"notify-{uuid.uuid4().hex[:12]}", ChangeSetType=kind, **request
        )
    except ClientError as error:
        raise _refusal(stack_name, error.response["Error"]["Message"]) from error
    described = _wait(client, stack_name, made["Id"], poll_seconds)
    if described["Status"] == "FAILED" or described.get("ExecutionStatus") == "UNAVAILABLE":
        reason = described.get("StatusReason", "")
        client.delete_change_set(ChangeSetName=made["Id"])
        if any(text in reason for text in NO_CHANGES):
            return ChangeSet(None)
        raise _refusal(stack_name, reason or "without a reason")
    return ChangeSet(made["Id"], tuple(_read(client, described, "")))


def _refusal(stack_name: str, reason: str) -> DeploymentError:
    return DeploymentError(
        f"CloudFormation refused {stack_name}: {reason}",
        "Correct the template or its parameters, then try again.",
    )


def _wait(
    client: CloudFormationClient, stack_name: str, change_set_id: str, poll_seconds: float
) -> DescribeChangeSetOutputTypeDef:
    def made() -> DescribeChangeSetOutputTypeDef | None:
        described = client.describe_change_set(ChangeSetName=change_set_id)
        return None if described["Status"].endswith(("_PENDING", "_IN_PROGRESS")) else described

    described = wait_for(made, timeout_seconds=TIMEOUT_SECONDS, poll_seconds=poll_seconds)
    if described is None:
        raise DeploymentError(
            f"CloudFormation has not planned {stack_name} within {TIMEOUT_SECONDS / 60:.0f} minutes.",
            "Try again; nothing was changed.",
        )
    return described


def _read(
    client: CloudFormationClient, change_set: DescribeChangeSetOutputTypeDef, path: str
) -> Iterator[Change]:
    """Changes of a change set and of those nested in it. A nested stack is told by what changes in it."""
    for page in _pages(client, change_set):
        for entry in page["Changes"]:
            resource = entry["ResourceChange"]
            change = _change(resource, path)
            nested_id = resource.get("ChangeSetId")
            if nested_id is None or change.action in ("add", "remove"):
                yield change
                continue
            nested = client.describe_change_set(ChangeSetName=nested_id, IncludePropertyValues=True)
            if nested["Status"] != "FAILED":
                yield from _read(client, nested, f"{path}/{change.logical_id}".lstrip("/"))


def _pages(
    client: CloudFormationClient, change_set: DescribeChangeSetOutputTypeDef
) -> Iterator[DescribeChangeSetOutputTypeDef]:
    token: dict[str, Any] = {}
    while True:
        page = client.describe_change_set(
            ChangeSetName=change_set["ChangeSetId"], IncludePropertyValues=True, **token
        )
        yield page
        if not page.get("NextToken"):
            return
        token = {"NextToken": page["NextToken"]}


def _change(resource: ResourceChangeTypeDef, path: str) -> Change:
    details = (_detail(detail) for detail in resource.get("Details", []))
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
    """Which property changes, and from what to what, or because of what."""
    target = detail.get("Target", {})
    name = target.get("Name") or target.get("Attribute", "")
    if "BeforeValue" in target or "AfterValue" in target:
        return f"{name}: {target.get('BeforeValue', '(none)')} → {target.get('AfterValue', '(none)')}"
    return name
