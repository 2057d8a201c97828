"""What outlives its stack, because it holds data: which resources, and how each is deleted."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from ci.taskcat.region import Region


@dataclass(frozen=True)
class Deletion:
    """The call that deletes a resource: operation, the parameter that takes its id, other parameters."""

    service: str
    operation: str
    parameter: str
    others: tuple[tuple[str, Any], ...] = ()


DELETIONS = {
    "AWS::DynamoDB::Table": Deletion("dynamodb", "DeleteTable", "TableName"),
    # The shortest that KMS has: https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html
    "AWS::KMS::Key": Deletion("kms", "ScheduleKeyDeletion", "KeyId", (("PendingWindowInDays", 7),)),
    "AWS::Logs::LogGroup": Deletion("logs", "DeleteLogGroup", "logGroupName"),
    "AWS::SQS::Queue": Deletion("sqs", "DeleteQueue", "QueueUrl"),
    "AWS::SecretsManager::Secret": Deletion(
        "secretsmanager", "DeleteSecret", "SecretId", (("ForceDeleteWithoutRecovery", True),)
    ),
}


@dataclass(frozen=True)
class Retained:
    """One resource that is still there."""

    region: str
    resource_type: str
    physical_id: str

    @property
    def command(self) -> str:
        """The AWS CLI command that deletes it."""
        deletion = DELETIONS[self.resource_type]
        options = [f"--{xform_name(deletion.parameter, '-')}", self.physical_id]
        for name, value in deletion.others:
            options += [f"--{xform_name(name, '-')}", *([] if value is True else [str(value)])]
        operation = xform_name(deletion.operation, "-")
        return shlex.join(["aws", deletion.service, operation, *options, "--region", self.region])

    def delete(self, client: Callable[[str, str], Any]) -> None:
        """Delete it with a client of its service and region."""
        deletion = DELETIONS[self.resource_type]
        call = getattr(client(deletion.service, self.region), xform_name(deletion.operation))
        call(**{deletion.parameter: self.physical_id, **dict(deletion.others)})


def retained_by(region: Region) -> list[Retained]:
    """Ask CloudFormation what it has left behind when it deleted a region's stacks."""
    pages = region.client("cloudformation").get_paginator("describe_stack_events")
    return [
        Retained(region.name, event["ResourceType"], event["PhysicalResourceId"])
        for stack_id in region.stack_ids
        for page in pages.paginate(StackName=stack_id)
        for event in page["StackEvents"]
        if event.get("ResourceStatus") == "DELETE_SKIPPED"
    ]
