"""What a deployment does so that data is not lost by mistake: stack policies, termination protection.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ops.deploying.stack_events import NESTED_STACK

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

STATEFUL_TYPES = (
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Logs::LogGroup",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
)
"""Types of this service's resources that hold data, or without which data cannot be read."""

_ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
_KEEP_DATA = {
    "Effect": "Deny",
    "Action": ["Update:Replace", "Update:Delete"],
    "Principal": "*",
    "Resource": "*",
    "Condition": {"StringEquals": {"ResourceType": list(STATEFUL_TYPES)}},
}


def protect(client: CloudFormationClient, stack_name: str, *, terminable: bool) -> None:
    """Keep updates from replacing or removing what holds data, in the stack and in those nested in it.

    Parameters
    ----------
    terminable
        Whether the stack itself may be deleted without lifting its termination protection first.
    """
    _set_policies(client, stack_name, [_ALLOW_ALL, _KEEP_DATA])
    client.update_termination_protection(StackName=stack_name, EnableTerminationProtection=not terminable)


def lift(client: CloudFormationClient, stack_name: str) -> None:
    """Allow the next update to replace or remove what holds data; `protect` forbids it again."""
    _set_policies(client, stack_name, [_ALLOW_ALL])


def nested_stacks(client: CloudFormationClient, stack_name: str) -> list[str]:
    """Ids of the stacks that are nested directly in a stack."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    return [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == NESTED_STACK and resource.get("PhysicalResourceId")
    ]


def _set_policies(client: CloudFormationClient, stack_name: str, statements: list[dict[str, Any]]) -> None:
    for stack in (stack_name, *nested_stacks(client, stack_name)):
        client.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps({"Statement": statements}))
