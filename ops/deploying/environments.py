"""An environment: its parameter file, the names of its stacks, and who owns them - root, or each itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal

import yaml

from ops.aws import Aws
from ops.deploying import templates
from ops.deploying.stacks import Stack, outputs_of
from ops.errors import InputError, OwnershipError, StackMissingError
from ops.tree import PARAMETERS

LOCAL = "local"
PLACEHOLDER = re.compile(r"REPLACE|(^|[@.])example\.(com|org|net)")

POLL_SECONDS = 2.0
EMULATOR_POLL_SECONDS = 0.2

Owner = Literal["root", "standalone"]


@dataclass(frozen=True)
class Settings:
    """A parameter file: what an environment passes to root, and the tags of all its resources."""

    parameters: dict[str, str]
    tags: dict[str, str]


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

    def __str__(self) -> str:
        return f"{self.aws}, environment {self.environment.name}"

    def stack(self, stack: str = templates.ROOT) -> Stack:
        """Root's stack, or another one that stands alone."""
        return self.stack_named(self.environment.stack_name(stack))

    def stack_named(self, name: str) -> Stack:
        """Any stack."""
        poll_seconds = EMULATOR_POLL_SECONDS if self.aws.is_emulator else POLL_SECONDS
        return Stack(self.aws.cloudformation, name, poll_seconds)

    def standing_alone(self) -> list[str]:
        """Names of the templates that are deployed on their own, in the order of deployment."""
        return [name for name in templates.children() if self.stack(name).find()]

    def owner(self) -> Owner | None:
        """Who owns the environment's resources in this region; None while there are none."""
        if self.stack().find():
            return "root"
        return "standalone" if self.standing_alone() else None

    def check_owner(self, stack: str) -> None:
        """Make sure that a deployment of the stack does not make a second owner.

        Raises
        ------
        OwnershipError
            Root is asked for where stacks stand alone, or the other way round.
        """
        env, owner = self.environment.name, self.owner()
        if owner == "root" and stack != templates.ROOT:
            raise OwnershipError(
                f"{self.stack().name} owns the {stack} stack of {env}.",
                f"`notify deploy --env {env}` deploys what has changed, and leaves other stacks as they are.",
            )
        if owner == "standalone" and stack == templates.ROOT:
            alone = ", ".join(self.stack(name).name for name in self.standing_alone())
            raise OwnershipError(
                f"The stacks of {env} stand alone: {alone}.",
                f"Deploy one with `notify deploy --env {env} --stack NAME`. docs/deployment.md says under "
                "'From single stacks to root' how root comes to own them.",
            )

    def settings_of(self, stack: str, artifact: dict[str, str]) -> Settings:
        """Settings of a stack: from the environment's file, the artifact, and the outputs of its siblings.

        Raises
        ------
        StackMissingError
            A sibling whose outputs the stack needs is not deployed, or not with that output.
        """
        wanted = templates.load(stack)["Parameters"]
        known = self.environment.settings.parameters | artifact
        for name in templates.predecessors(stack):
            sibling = self.stack(name)
            found, needed = sibling.find(), wanted.keys() & templates.load(name)["Outputs"].keys()
            outputs = outputs_of(found)
            if not found or needed - outputs.keys():
                raise StackMissingError(
                    f"{stack} needs {', '.join(sorted(needed)) or 'what is in it'} of {sibling.name}, "
                    f"which {'lacks that' if found else 'is not deployed'}.",
                    f"Deploy it first: `notify deploy --env {self.environment.name} --stack {name}`.",
                )
            known |= {output: outputs[output] for output in needed}
        values = {name: value for name, value in known.items() if name in wanted}
        return Settings(values, self.environment.settings.tags)


def get(name: str) -> Environment:
    """Find an environment by name.

    Raises
    ------
    InputError
        There is no such file, a name in it is none of a template's parameters, or it is production's and
        still has an example's values.
    """
    environment = Environment(name)
    if not re.fullmatch(r"[a-z0-9-]+", name) or not environment.path.exists():
        known = ", ".join(sorted(path.stem for path in PARAMETERS.glob("*.yaml")))
        raise InputError(
            f"There is no environment {name!r}.", f"There are {known}: the files of parameters/."
        )
    check_names(environment.path, environment.settings.parameters)
    if environment.is_production and (lines := environment.placeholders()):
        raise InputError(
            f"{name} would be deployed with an example's values: {'; '.join(lines)}.",
            "Put your own values there.",
        )
    return environment


def check_names(source: Path, parameters: Mapping[str, str]) -> None:
    """Make sure that templates declare all that a file sets: the rest would be left out without a word.

    Raises
    ------
    InputError
        A name that no template declares; says which one it may have been meant for.
    """
    declared = {
        name for stack in (templates.ROOT, *templates.names()) for name in templates.load(stack)["Parameters"]
    }
    for name in parameters:
        if name not in declared:
            close = get_close_matches(name, declared, n=1, cutoff=0.0)[0]
            raise InputError(
                f"{source.parent.name}/{source.name}: no template has a parameter {name!r}.",
                f"The nearest is {close}; correct the name, or take the line out.",
            )


def load_settings(path: Path) -> Settings:
    """Read a parameter file in the form of rain's `--config`: the mappings `Parameters` and `Tags`.

    Raises
    ------
    InputError
        The file is not of that form, or a value is not a string (an unquoted `007` or `true` would change).
    """
    document = yaml.safe_load(path.read_text())
    if not isinstance(document, dict) or not document.keys() <= {"Parameters", "Tags"}:
        raise InputError(
            f"{path} is not a parameter file.", "It has the mappings `Parameters` and `Tags` only."
        )
    sections = {name: document.get(name) or {} for name in ("Parameters", "Tags")}
    for name, values in sections.items():
        for key, value in values.items():
            if not isinstance(value, str):
                raise InputError(f"{path}: {name}.{key} is {value!r}, not a string.", "Put it in quotes.")
    return Settings(sections["Parameters"], sections["Tags"])
