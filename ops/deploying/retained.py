"""What outlives a deleted stack because it holds data: found again, and deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError

from ops.aws import Aws
from ops.deploying import templates
from ops.deploying.environments import Target

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient


@dataclass(frozen=True)
class Deletion:
    """The call that deletes a resource.

    Parameters
    ----------
    parameter
        Takes its id.
    undo
        Until when that can be undone, in words.
    """

    service: str
    operation: str
    parameter: str
    options: dict[str, Any] = field(default_factory=dict)
    undo: str = "for good"


DELETIONS = {
    "AWS::DynamoDB::Table": Deletion(
        "dynamodb", "DeleteTable", "TableName", undo="DynamoDB keeps a backup for 35 days"
    ),
    # The longest that KMS has: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
    "AWS::KMS::Key": Deletion(
        "kms", "ScheduleKeyDeletion", "KeyId", {"PendingWindowInDays": 30}, "can be undone for 30 days"
    ),
    "AWS::Logs::LogGroup": Deletion("logs", "DeleteLogGroup", "logGroupName"),
    # With a time for recovery, its name would be taken for as long: no new deployment could have it.
    "AWS::SecretsManager::Secret": Deletion(
        "secretsmanager", "DeleteSecret", "SecretId", {"ForceDeleteWithoutRecovery": True}
    ),
    "AWS::SQS::Queue": Deletion("sqs", "DeleteQueue", "QueueUrl"),
}


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
    found = dict.fromkeys(
        one
        for stack in stacks
        for summary in deleted
        if summary["StackName"] == of.stack(stack).name
        or summary["StackName"].startswith(f"{of.stack().name}-{templates.nested_id(stack)}-")
        for one in left_by(client, summary["StackId"])
    )
    return [one for one in found if _exists(of.aws, one)]


def left_by(client: CloudFormationClient, stack_id: str) -> Iterator[Retained]:
    """What the deletion of a stack has left out."""
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event.get("ResourceStatus") == "DELETE_SKIPPED":
                yield Retained(event["LogicalResourceId"], event["ResourceType"], event["PhysicalResourceId"])


def delete(aws: Aws, one: Retained) -> str:
    """Delete a retained resource; returns until when that can be undone, in words."""
    deletion = DELETIONS[one.resource_type]
    if one.resource_type == "AWS::DynamoDB::Table" and _is_protected(aws, one):
        aws.dynamodb.update_table(TableName=one.physical_id, DeletionProtectionEnabled=False)
        aws.dynamodb.get_waiter("table_exists").wait(TableName=one.physical_id)
    call = getattr(aws.client(deletion.service), xform_name(deletion.operation))
    call(**{deletion.parameter: one.physical_id}, **deletion.options)
    return deletion.undo


def _is_protected(aws: Aws, table: Retained) -> bool:
    described = aws.dynamodb.describe_table(TableName=table.physical_id)["Table"]
    return described.get("DeletionProtectionEnabled", False)


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
