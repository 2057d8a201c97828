"""The deployment that a command is about: the one on this machine, or an environment's in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from notifications.hold import SendingHold
from ops import aws, local
from ops.aws import Aws
from ops.deploying import deployment, environments, templates
from ops.errors import StackMissingError
from ops.output import Progress


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
    client = clients.cloudformation
    names = [environment.stack_name(stack) for stack in (templates.ROOT, *templates.children())]
    found = [stack for name in names if (stack := deployment.find_stack(client, name))]
    outputs = {name: value for stack in found for name, value in deployment.outputs_of(stack).items()}
    if not outputs:
        raise StackMissingError(
            f"Stack {names[0]} is not deployed in {clients.region}.", "Deploy it with `notify deploy`."
        )
    return Deployed(names[0], clients, outputs, found[0]["CreationTime"])


def hold_of(of: Deployed) -> SendingHold:
    """The hold of a deployment."""
    return SendingHold(
        of.aws.dynamodb,
        of.aws.client("lambda"),
        of.outputs["LedgerTableName"],
        of.outputs["SendEmailMappingId"],
    )
