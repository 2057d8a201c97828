"""What outlives a region's stacks, because it holds data, and by which commands it is deleted."""

from __future__ import annotations

import shlex

from botocore import xform_name

from ci.taskcat.region import Region
from ops.deploying.retained import DELETIONS, Retained, left_by


def retained_by(region: Region) -> list[Retained]:
    """Ask CloudFormation what it has left behind when it deleted a region's stacks."""
    client = region.client("cloudformation")
    return [one for stack_id in region.stack_ids for one in left_by(client, stack_id)]


def command(one: Retained, region: str) -> str:
    """The AWS CLI command that deletes a resource."""
    deletion = DELETIONS[one.resource_type]
    options = [f"--{xform_name(deletion.parameter, '-')}", one.physical_id]
    for name, value in deletion.options.items():
        options += [f"--{xform_name(name, '-')}", *([] if value is True else [str(value)])]
    operation = xform_name(deletion.operation, "-")
    return shlex.join(["aws", deletion.service, operation, *options, "--region", region])
