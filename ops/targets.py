"""The deployment that a command is about: the one on this machine, or an environment's in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from notifications.hold import SendingHold
from ops import aws, local
from ops.aws import Aws
from ops.deploying import environments, templates
from ops.deploying.environments import Target
from ops.deploying.stacks import outputs_of
from ops.errors import StackMissingError
from ops.output import Progress


@dataclass(frozen=True)
class Deployed:
    """A deployment, and the clients that reach it."""

    name: str
    aws: Aws
    outputs: dict[str, str]
    created_at: datetime


def choose(env: str | None, region: str | None) -> Target:
    """Find an environment by name and the account for it; without a name, the one on this machine.

    Tells which account is about to be touched, unless that is on this machine.

    Raises
    ------
    InputError
        There is no such environment, it is not filled in, or no AWS region is set.
    EmulatorError
        The one on this machine is meant and does not run.
    """
    environment = environments.get(env or environments.LOCAL)
    if environment.name == environments.LOCAL:
        return Target(environment, local.get().aws)
    to = Target(environment, aws.connect(region))
    Progress().done(str(to), "→")
    return to


def find(env: str | None, region: str | None) -> Deployed:
    """Find the deployment of an environment: root, or else the stacks that stand alone together.

    Raises
    ------
    StackMissingError
        Nothing of it is deployed there.
    """
    to = choose(env, region)
    root = to.stack()
    stacks = [root.find()]
    if not outputs_of(stacks[0]):
        stacks = [to.stack(name).find() for name in templates.names()]
    outputs = {name: value for stack in stacks for name, value in outputs_of(stack).items()}
    if not outputs:
        raise StackMissingError(
            f"Stack {root.name} is not deployed in {to.aws.region}.", "Deploy it with `notify deploy`."
        )
    return Deployed(root.name, to.aws, outputs, min(stack["CreationTime"] for stack in stacks if stack))


def hold_of(of: Deployed) -> SendingHold:
    """The hold of a deployment."""
    return SendingHold(
        of.aws.dynamodb,
        of.aws.client("lambda"),
        of.outputs["LedgerTableName"],
        of.outputs["SendEmailMappingId"],
    )
