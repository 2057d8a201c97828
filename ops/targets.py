"""The deployment that a command is about: the one on this machine, or an environment's in an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ops import aws, deployment, environments, local
from ops.aws import Aws
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
    """Find the deployment of an environment, by its root stack; tells which account it is about to touch.

    Raises
    ------
    StackMissingError
        Root is not deployed there.
    """
    if env in (None, environments.LOCAL):
        clients, name = local.get().aws, local.STACK_NAME
    else:
        clients, name = aws.connect(region), environments.get(str(env)).stack_name()
        Progress().done(f"account {clients.account}, region {clients.region}, environment {env}")
    stack = deployment.find_stack(clients.cloudformation, name)
    outputs = deployment.outputs_of(stack) if stack else {}
    if stack is None or not outputs:
        raise StackMissingError(
            f"Stack {name} is not deployed in {clients.region}.", "Deploy it with `notify deploy`."
        )
    return Deployed(name, clients, outputs, stack["CreationTime"])
