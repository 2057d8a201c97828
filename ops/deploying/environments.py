"""An environment: its parameter file, the names of its stacks, and who owns them - root, or each itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ops.aws import Aws
from ops.deploying import templates
from ops.deploying.deployment import IN_REVIEW, Settings, find_stack, load_settings, outputs_of
from ops.errors import InputError, OwnershipError, StackMissingError
from ops.tree import PARAMETERS

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient

LOCAL = "local"
PLACEHOLDER = re.compile(r"REPLACE|(^|[@.])example\.(com|org|net)")

POLL_SECONDS = 2.0
EMULATOR_POLL_SECONDS = 0.2

Owner = Literal["root", "standalone"]


@dataclass(frozen=True)
class Environment:
    """One of the parameter files, by name."""

    name: str

    @property
    def path(self) -> Path:
        """The parameter file."""
        return PARAMETERS / f"{self.name}.yaml"

    @cached_property
    def settings(self) -> Settings:
        """What the file says."""
        return load_settings(self.path)

    @property
    def service(self) -> str:
        """Name of the service, the first part of all names."""
        return self.settings.parameters["ServiceName"]

    @property
    def is_production(self) -> bool:
        """Whether its emails go to customers, or it is to be treated as if they did."""
        return self.settings.parameters["Production"] == "true"

    def stack_name(self, stack: str = templates.ROOT) -> str:
        """Name of root's stack, or of another one that stands alone."""
        prefix = f"{self.service}-{self.settings.parameters['Environment']}"
        return prefix if stack == templates.ROOT else f"{prefix}-{stack}"

    def placeholders(self) -> list[str]:
        """Lines of the file whose value is still an example: `file:line: Name: value`."""
        found = []
        for number, line in enumerate(self.path.read_text().splitlines(), start=1):
            key, _, value = line.strip().partition(":")
            value = value.strip().strip("\"'")
            if self.settings.parameters.get(key) == value and PLACEHOLDER.search(value):
                found.append(f"parameters/{self.path.name}:{number}: {key}: {value}")
        return found


@dataclass(frozen=True)
class Target:
    """An environment in an account and region."""

    environment: Environment
    aws: Aws

    @property
    def poll_seconds(self) -> float:
        """Time between two looks at a stack."""
        return EMULATOR_POLL_SECONDS if self.aws.is_emulator else POLL_SECONDS

    def __str__(self) -> str:
        return f"{self.aws}, environment {self.environment.name}"


def get(name: str) -> Environment:
    """Find an environment by name.

    Raises
    ------
    InputError
        There is no such file, or it is production's and still has an example's values.
    """
    environment = Environment(name)
    if not re.fullmatch(r"[a-z0-9-]+", name) or not environment.path.exists():
        known = ", ".join(sorted(path.stem for path in PARAMETERS.glob("*.yaml")))
        raise InputError(
            f"There is no environment {name!r}.", f"There are {known}: the files of parameters/."
        )
    if environment.is_production and (lines := environment.placeholders()):
        raise InputError(
            f"{name} would be deployed with an example's values: {'; '.join(lines)}.",
            "Put your own values there.",
        )
    return environment


def is_there(client: CloudFormationClient, stack_name: str) -> bool:
    """Whether there is such a stack, and not only a change set for one."""
    stack = find_stack(client, stack_name)
    return stack is not None and stack["StackStatus"] != IN_REVIEW


def standing_alone(client: CloudFormationClient, environment: Environment) -> list[str]:
    """Names of the stacks of an environment that are deployed on their own, in the order of deployment."""
    return [name for name in templates.children() if is_there(client, environment.stack_name(name))]


def owner(client: CloudFormationClient, environment: Environment) -> Owner | None:
    """Who owns the environment's resources in this region; None while there are none."""
    if is_there(client, environment.stack_name()):
        return "root"
    return "standalone" if standing_alone(client, environment) else None


def check_owner(client: CloudFormationClient, environment: Environment, stack: str) -> None:
    """Make sure that a deployment of the stack does not make a second owner.

    Raises
    ------
    OwnershipError
        Root is asked for where stacks stand alone, or the other way round.
    """
    env, found = environment.name, owner(client, environment)
    if found == "root" and stack != templates.ROOT:
        raise OwnershipError(
            f"{environment.stack_name()} owns the {stack} stack of {env}.",
            f"`notify deploy --env {env}` deploys what has changed, and leaves the other stacks as they are.",
        )
    if found == "standalone" and stack == templates.ROOT:
        alone = [environment.stack_name(name) for name in standing_alone(client, environment)]
        raise OwnershipError(
            f"The stacks of {env} stand alone: {', '.join(alone)}.",
            f"Deploy one with `notify deploy --env {env} --stack NAME`. docs/deployment.md says under "
            "'From single stacks to root' how root comes to own them.",
        )


def resolve(
    client: CloudFormationClient, environment: Environment, stack: str, artifact: dict[str, str]
) -> Settings:
    """Parameters of a stack: from the environment's file, the artifact, and the outputs of its siblings.

    Raises
    ------
    StackMissingError
        A sibling whose outputs the stack needs is not deployed, or not with that output.
    """
    wanted = templates.load(stack).parameters
    known = environment.settings.parameters | artifact
    values = {name: value for name, value in known.items() if name in wanted}
    for sibling in templates.predecessors(stack):
        needed = templates.needs(stack, sibling)
        found = find_stack(client, environment.stack_name(sibling))
        outputs = outputs_of(found) if found else {}
        missing = ", ".join(sorted(needed - outputs.keys()))
        if missing or not found:
            raise StackMissingError(
                f"{stack} needs {missing or 'what is'} {'of' if missing else 'in'} "
                f"{environment.stack_name(sibling)}, which {'lacks that' if found else 'is not deployed'}.",
                f"Deploy it first: `notify deploy --env {environment.name} --stack {sibling}`.",
            )
        values |= {name: outputs[name] for name in needed}
    return Settings(values, environment.settings.tags)
