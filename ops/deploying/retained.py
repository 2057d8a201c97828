"""What outlives a deleted stack because it holds data: found again, and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from ops.aws import Aws
from ops.deploying import templates
from ops.deploying.environments import Target
from ops.deploying.plans import STATEFUL_TYPES

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

RECOVERY_DAYS = 30
"""How long a deleted key can be recovered; KMS allows 7 to 30:
https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html"""


@dataclass(frozen=True)
class Retained:
    """A resource that its stack has left behind."""

    logical_id: str
    resource_type: str
    physical_id: str

    def __str__(self) -> str:
        return f"{self.logical_id} ({self.resource_type} {self.physical_id})"


def find(of: Target, stacks: Iterable[str]) -> list[Retained]:
    """Find what deleted stacks of an environment have left of templates, whether they stood alone or not.

    CloudFormation tells of deleted stacks for 90 days:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
    """
    client = of.aws.cloudformation
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    deleted = [summary for page in pages for summary in page["StackSummaries"]]
    deleted.sort(key=lambda summary: summary["CreationTime"], reverse=True)
    found: dict[tuple[str, str], Retained] = {}
    for stack in stacks:
        alone, nested = of.stack(stack).name, f"{of.stack().name}-{templates.nested_id(stack)}-"
        for summary in deleted:
            if summary["StackName"] == alone or summary["StackName"].startswith(nested):
                for one in _skipped(client, summary["StackId"]):
                    if (stack, one.logical_id) not in found and _exists(of.aws, one):
                        found[stack, one.logical_id] = one
    return list(found.values())


def delete(aws: Aws, one: Retained) -> str:
    """Delete a retained resource; returns until when that can be undone, in words."""
    match one.resource_type:
        case "AWS::DynamoDB::Table":
            aws.dynamodb.update_table(TableName=one.physical_id, DeletionProtectionEnabled=False)
            aws.client("dynamodb").get_waiter("table_exists").wait(TableName=one.physical_id)
            aws.dynamodb.delete_table(TableName=one.physical_id)
            return "DynamoDB keeps a backup for 35 days"
        case "AWS::KMS::Key":
            aws.client("kms").schedule_key_deletion(KeyId=one.physical_id, PendingWindowInDays=RECOVERY_DAYS)
            return f"can be undone for {RECOVERY_DAYS} days"
        case "AWS::SecretsManager::Secret":
            # With a time for recovery, its name would be taken for as long: no new deployment could have it.
            aws.client("secretsmanager").delete_secret(
                SecretId=one.physical_id, ForceDeleteWithoutRecovery=True
            )
        case "AWS::Logs::LogGroup":
            aws.client("logs").delete_log_group(logGroupName=one.physical_id)
        case "AWS::SQS::Queue":
            aws.sqs.delete_queue(QueueUrl=one.physical_id)
    return "for good"


def _skipped(client: CloudFormationClient, stack_id: str) -> Iterator[Retained]:
    """What the deletion of a stack has left out."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event.get("ResourceStatus") == "DELETE_SKIPPED" and event["ResourceType"] in STATEFUL_TYPES:
                yield Retained(event["LogicalResourceId"], event["ResourceType"], event["PhysicalResourceId"])


def _exists(aws: Aws, one: Retained) -> bool:
    """Whether it is there, and not about to be deleted."""
    try:
        match one.resource_type:
            case "AWS::DynamoDB::Table":
                table = aws.dynamodb.describe_table(TableName=one.physical_id)["Table"]
                return table["TableStatus"] != "DELETING"
            case "AWS::KMS::Key":
                key = aws.client("kms").describe_key(KeyId=one.physical_id)
                return "DeletionDate" not in key["KeyMetadata"]
            case "AWS::SecretsManager::Secret":
                secret = aws.client("secretsmanager").describe_secret(SecretId=one.physical_id)
                return "DeletedDate" not in secret
            case "AWS::Logs::LogGroup":
                groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=one.physical_id)
                return any(group["logGroupName"] == one.physical_id for group in groups["logGroups"])
            case _:
                aws.sqs.get_queue_attributes(QueueUrl=one.physical_id, AttributeNames=["QueueArn"])
                return True
    except ClientError as error:
        if any(text in error.response["Error"]["Code"] for text in ("NotFound", "NonExistent")):
            return False
        raise
