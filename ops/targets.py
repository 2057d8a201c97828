"""The deployment that a command is about: the one on this machine, or an environment's in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from notifications.hold import SendingHold
from ops import aws, local
from ops.aws import Aws
from ops.deploying import deployment, environments, templates
from ops.errors import StackMissingError
from ops.output import Progress

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True)
class Deployed:
    """A deployment, and the clients that reach it."""

    name: str
    aws: Aws
    outputs: dict[str, str]
    created_at: datetime


def find(env: str | None, region: str | None) -> Deployed:
    """Find the deployment of an environment: root, or else the stacks that stand alone together.

    Tells which account it is about to touch, unless that is on this machine.

    Raises
    ------
    StackMissingError
        Nothing of it is deployed there.
    """
    environment = environments.get(env or environments.LOCAL)
    if environment.name == environments.LOCAL:
        clients = local.get().aws
    else:
        clients = aws.connect(region)
        Progress().done(f"{clients}, environment {env}", "→")
    root = environment.stack_name()
    stacks = _found(clients, [root])
    if not any(map(deployment.outputs_of, stacks)):
        stacks = _found(clients, [environment.stack_name(name) for name in templates.names()])
    outputs = {name: value for stack in stacks for name, value in deployment.outputs_of(stack).items()}
    if not outputs:
        raise StackMissingError(
            f"Stack {root} is not deployed in {clients.region}.", "Deploy it with `notify deploy`."
        )
    return Deployed(root, clients, outputs, min(stack["CreationTime"] for stack in stacks))


def _found(clients: Aws, names: list[str]) -> list[StackTypeDef]:
    return [stack for name in names if (stack := deployment.find_stack(clients.cloudformation, name))]


def hold_of(of: Deployed) -> SendingHold:
    """The hold of a deployment."""
    return SendingHold(
        of.aws.dynamodb,
        of.aws.client("lambda"),
        of.outputs["LedgerTableName"],
        of.outputs["SendEmailMappingId"],
    )
