"""What outlives a deleted stack because it holds data: found again, adopted by the next stack, or deleted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ops.aws import Aws
from ops.deploying import change_sets, templates
from ops.deploying.deployment import Plan, Settings
from ops.deploying.environments import Environment
from ops.deploying.protection import STATEFUL_TYPES

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

RECOVERY_DAYS = 30
"""How long a deleted key can be recovered; KMS allows 7 to 30:
https://docs.aws.amazon.com/kms/latest/developerguide/deleting-keys.html"""

IDENTIFIERS = dict(zip(STATEFUL_TYPES, ("TableName", "KeyId", "LogGroupName", "Id", "QueueUrl"), strict=True))
"""By which property an import names a resource of each type."""


@dataclass(frozen=True)
class Kept:
    """A resource that its stack has left behind.

    Parameters
    ----------
    stack
        Name of the template it belongs to.
    """

    stack: str
    logical_id: str
    resource_type: str
    physical_id: str


def find(aws: Aws, environment: Environment, stack: str) -> list[Kept]:
    """Find what deleted stacks of an environment have left of one template, whether they stood alone or not.

    CloudFormation tells of deleted stacks for 90 days:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStacks.html
    """
    found: dict[str, Kept] = {}
    for stack_id in _deleted_stacks(aws.cloudformation, environment, stack):
        for page in aws.cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            for event in page["StackEvents"]:
                kept = Kept(
                    stack,
                    event["LogicalResourceId"],
                    event["ResourceType"],
                    event.get("PhysicalResourceId", ""),
                )
                if (
                    event.get("ResourceStatus") == "DELETE_SKIPPED"
                    and kept.resource_type in STATEFUL_TYPES
                    and kept.logical_id not in found
                    and _exists(aws, kept)
                ):
                    found[kept.logical_id] = kept
    return sorted(found.values(), key=lambda kept: kept.logical_id)


def prepare_adoption(
    client: CloudFormationClient,
    stack_name: str,
    settings: Settings,
    kept: list[Kept],
    *,
    poll_seconds: float,
) -> Plan:
    """Let CloudFormation say what importing the kept resources into a new stack would do.

    Raises
    ------
    DeploymentError
        CloudFormation refused it.
    """
    template = templates.only(kept[0].stack, {one.logical_id for one in kept})
    return prepare_import(
        client,
        stack_name,
        template,
        settings.parameters,
        [
            {
                "ResourceType": one.resource_type,
                "LogicalResourceId": one.logical_id,
                "ResourceIdentifier": {IDENTIFIERS[one.resource_type]: one.physical_id},
            }
            for one in kept
        ],
        poll_seconds=poll_seconds,
    )


def prepare_import(
    client: CloudFormationClient,
    stack_name: str,
    template: dict[str, Any],
    parameters: dict[str, str],
    resources: list[dict[str, Any]],
    *,
    poll_seconds: float,
) -> Plan:
    """Let CloudFormation say what making a stack of resources that exist already would do."""
    request = {
        "StackName": stack_name,
        "TemplateBody": json.dumps(template),
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
        "ResourcesToImport": resources,
    }
    change_set = change_sets.create(client, "IMPORT", request, poll_seconds=poll_seconds)
    return Plan(stack_name, True, change_set.id, {}, change_set.changes)


def delete(aws: Aws, kept: Kept) -> str:
    """Delete a kept resource; returns until when that can be undone, in words."""
    match kept.resource_type:
        case "AWS::DynamoDB::Table":
            aws.dynamodb.update_table(TableName=kept.physical_id, DeletionProtectionEnabled=False)
            aws.client("dynamodb").get_waiter("table_exists").wait(TableName=kept.physical_id)
            aws.dynamodb.delete_table(TableName=kept.physical_id)
            return "DynamoDB keeps a backup for 35 days"
        case "AWS::KMS::Key":
            aws.client("kms").schedule_key_deletion(KeyId=kept.physical_id, PendingWindowInDays=RECOVERY_DAYS)
            return f"can be undone for {RECOVERY_DAYS} days"
        case "AWS::SecretsManager::Secret":
            # With a time for recovery, its name would be taken for as long: no new deployment could have it.
            aws.client("secretsmanager").delete_secret(
                SecretId=kept.physical_id, ForceDeleteWithoutRecovery=True
            )
        case "AWS::Logs::LogGroup":
            aws.client("logs").delete_log_group(logGroupName=kept.physical_id)
        case "AWS::SQS::Queue":
            aws.sqs.delete_queue(QueueUrl=kept.physical_id)
    return "for good"


def _deleted_stacks(client: CloudFormationClient, environment: Environment, stack: str) -> list[str]:
    """Ids of the deleted stacks of a template, newest first."""
    alone = environment.stack_name(stack)
    nested = f"{environment.stack_name()}-{templates.nested_id(stack)}-"
    pages = client.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"])
    deleted = [
        summary
        for page in pages
        for summary in page["StackSummaries"]
        if summary["StackName"] == alone or summary["StackName"].startswith(nested)
    ]
    deleted.sort(key=lambda summary: summary["CreationTime"], reverse=True)
    return [summary["StackId"] for summary in deleted]


def _exists(aws: Aws, kept: Kept) -> bool:
    """Whether it is there, and not about to be deleted."""
    try:
        match kept.resource_type:
            case "AWS::DynamoDB::Table":
                table = aws.dynamodb.describe_table(TableName=kept.physical_id)["Table"]
                return table["TableStatus"] != "DELETING"
            case "AWS::KMS::Key":
                key = aws.client("kms").describe_key(KeyId=kept.physical_id)
                return "DeletionDate" not in key["KeyMetadata"]
            case "AWS::SecretsManager::Secret":
                secret = aws.client("secretsmanager").describe_secret(SecretId=kept.physical_id)
                return "DeletedDate" not in secret
            case "AWS::Logs::LogGroup":
                groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=kept.physical_id)
                return any(group["logGroupName"] == kept.physical_id for group in groups["logGroups"])
            case _:
                aws.sqs.get_queue_attributes(QueueUrl=kept.physical_id, AttributeNames=["QueueArn"])
                return True
    except ClientError as error:
        if any(text in error.response["Error"]["Code"] for text in ("NotFound", "NonExistent")):
            return False
        raise
