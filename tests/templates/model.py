"""The templates as tests read them: parsed, and resolved as CloudFormation would for one deployment."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from ops.deploying.templates import parse

PROJECT = Path(__file__).resolve().parents[2]
STACKS = PROJECT / "stacks"
PARAMETERS = PROJECT / "parameters"
CHILDREN = tuple(sorted(path.stem for path in STACKS.glob("*.yaml") if path.stem != "root"))
ENVIRONMENTS = tuple(sorted(path.stem for path in PARAMETERS.glob("*.yaml")))
# The deploy command makes these two when it uploads a release: no parameter file has them.
ARTIFACT = {"ArtifactBucket": "artifacts", "ArtifactPrefix": "releases/0a1b2c/"}

ACCOUNT, REGION = "111122223333", "eu-west-1"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
_NO_VALUE = object()
_HERE = f"{REGION}:{ACCOUNT}"

# Type: the property that names it, and the end of its ARN. Types without one are named by CloudFormation.
_NAMED = {
    "AWS::CloudWatch::Alarm": ("AlarmName", f"cloudwatch:{_HERE}:alarm:"),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName", f"cloudwatch:{_HERE}:alarm:"),
    "AWS::CloudWatch::Dashboard": ("DashboardName", f"cloudwatch::{ACCOUNT}:dashboard/"),
    "AWS::DynamoDB::Table": ("TableName", f"dynamodb:{_HERE}:table/"),
    "AWS::Lambda::EventSourceMapping": (None, f"lambda:{_HERE}:event-source-mapping:"),
    "AWS::Lambda::Function": ("FunctionName", f"lambda:{_HERE}:function:"),
    "AWS::Logs::LogGroup": ("LogGroupName", f"logs:{_HERE}:log-group:"),
    "AWS::Scheduler::ScheduleGroup": ("Name", f"scheduler:{_HERE}:schedule-group/"),
    "AWS::SES::ConfigurationSet": ("Name", f"ses:{_HERE}:configuration-set/"),
    "AWS::SNS::Topic": ("TopicName", f"sns:{_HERE}:"),
    "AWS::SQS::Queue": ("QueueName", f"sqs:{_HERE}:"),
    "AWS::Budgets::Budget": (None, f"budgets::{ACCOUNT}:budget/"),
    "AWS::IAM::Role": (None, f"iam::{ACCOUNT}:role/"),
    "AWS::KMS::Key": (None, f"kms:{_HERE}:key/"),
    "AWS::SecretsManager::Secret": ("Name", f"secretsmanager:{_HERE}:secret:"),
}


@cache
def template(name: str) -> dict[str, Any]:
    """Return the parsed template ``stacks/<name>.yaml``."""
    return parse((STACKS / f"{name}.yaml").read_text())


@cache
def configuration(environment: str) -> dict[str, dict[str, str]]:
    """Return ``parameters/<environment>.yaml``: Parameters and Tags."""
    return yaml.safe_load((PARAMETERS / f"{environment}.yaml").read_text())


@dataclass
class Resource:
    """One resource of a deployment, its properties resolved."""

    stack: str
    logical_id: str
    type: str
    properties: dict[str, Any]
    definition: dict[str, Any]

    @property
    def name(self) -> str:
        """Physical name, or the logical id of a resource that CloudFormation names."""
        name_property, _ = _NAMED.get(self.type, (None, ""))
        return self.properties[name_property] if name_property else self.logical_id

    @property
    def arn(self) -> str:
        """ARN, for the types that policies and alarms name."""
        path = self.properties.get("Path", "/").removeprefix("/")
        return f"arn:aws:{_NAMED[self.type][1]}{path}{self.name}"

    @property
    def has_arn(self) -> bool:
        """Whether `arn` knows the type."""
        return self.type in _NAMED

    def ref(self) -> str:
        """Return what ``Ref`` gives."""
        if self.type == "AWS::SNS::Topic":
            return self.arn
        if self.type == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name}"
        return self.name

    def attribute(self, name: str) -> str:
        """Return what ``Fn::GetAtt`` gives."""
        return {"Arn": lambda: self.arn, "Id": lambda: self.arn, "QueueName": lambda: self.name}[name]()


@dataclass
class Stack:
    """One stack of a deployment."""

    name: str
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    children: dict[str, Stack] = field(default_factory=dict)


def deploy(environment: str, **changes: str) -> dict[str, Stack]:
    """Return the stacks by name as root deploys them with one environment's parameters.

    Parameters
    ----------
    environment
        Name of a parameter file.
    changes
        Parameters to replace.
    """
    root = _Deployment("root", configuration(environment)["Parameters"] | ARTIFACT | changes).stack
    return {"root": root, **{child.name: child for child in root.children.values()}}


class _Deployment:
    """Resolves one template in dependency order."""

    def __init__(self, name: str, parameters: dict[str, str]) -> None:
        self.template = template(name)
        self.stack = Stack(name)
        self.pending: list[str] = []
        for key, definition in self.template["Parameters"].items():
            value = parameters.get(key, definition.get("Default"))
            assert value is not None, f"{name}: no value for {key}"
            self.stack.parameters[key] = (
                value.split(",") if definition["Type"] == "CommaDelimitedList" else value
            )
        for logical_id, definition in self.template["Resources"].items():
            if self._holds(definition.get("Condition")):
                self._resource(logical_id)
        self.stack.outputs = {
            key: self._resolve(output["Value"]) for key, output in self.template["Outputs"].items()
        }

    def _resource(self, logical_id: str) -> Resource:
        if logical_id not in self.stack.resources:
            assert logical_id not in self.pending, f"circular: {self.pending}"
            self.pending.append(logical_id)
            definition = self.template["Resources"][logical_id]
            resource = Resource(
                stack=self.stack.name,
                logical_id=logical_id,
                type=definition["Type"],
                properties=self._resolve(definition.get("Properties", {})),
                definition=definition,
            )
            if resource.type == "AWS::CloudFormation::Stack":
                name = resource.properties["TemplateURL"].rsplit("/", 1)[-1].removesuffix(".yaml")
                child = _Deployment(name, resource.properties["Parameters"]).stack
                self.stack.children[logical_id] = child
            self.stack.resources[logical_id] = resource
            self.pending.remove(logical_id)
        return self.stack.resources[logical_id]

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self._resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument) = next(iter(value.items()))
            if key == "Ref" or key.startswith("Fn::"):
                return self._intrinsic(key.removeprefix("Fn::"), argument)
        resolved = {key: self._resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "GetAtt":
                return self._attribute(*argument)
            case "Sub":
                text, values = (argument, {}) if isinstance(argument, str) else argument
                values = self._resolve(values)
                return re.sub(r"\$\{([^}]+)}", lambda match: str(self._variable(match[1], values)), text)
            case "FindInMap":
                mapping, first, second = argument
                return self.template["Mappings"][mapping][first][second]
            case "Join":
                return argument[0].join(self._resolve(argument[1]))
            case "If":
                return self._resolve(argument[1] if self._holds(argument[0]) else argument[2])
            case "Equals":
                return self._resolve(argument[0]) == self._resolve(argument[1])
            case "Not":
                return not self._resolve(argument[0])
            case "Or":
                return any(self._resolve(argument))
        raise NotImplementedError(name)

    def _holds(self, condition: str | None) -> bool:
        return condition is None or self._resolve(self.template["Conditions"][condition])

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.stack.parameters:
            return self.stack.parameters[name]
        assert name in self.template["Resources"], (
            f"{self.stack.name} refers to {name}, which it does not have"
        )
        return self._resource(name).ref()

    def _attribute(self, logical_id: str, attribute: str) -> str:
        resource = self._resource(logical_id)
        if attribute.startswith("Outputs."):
            outputs, name = self.stack.children[logical_id].outputs, attribute.removeprefix("Outputs.")
            assert name in outputs, f"{logical_id} has no output {name}"
            return outputs[name]
        return resource.attribute(attribute)

    def _variable(self, name: str, values: dict[str, Any]) -> Any:
        if name in values:
            return values[name]
        return self._attribute(*name.split(".", 1)) if "." in name else self._ref(name)


def resources_of(stacks: dict[str, Stack], *types: str) -> list[Resource]:
    """Return the resources of the given types, of all types if none is given, in all stacks."""
    return [
        resource
        for stack in stacks.values()
        for resource in stack.resources.values()
        if not types or resource.type in types
    ]


def as_list(value: Any) -> list[Any]:
    """Return a policy element, which may be one value or a list, as a list."""
    return value if isinstance(value, list) else [value]


def violations(definition: dict[str, Any], value: object) -> list[str]:
    """Return what of a parameter's definition a value breaks, as CloudFormation checks it."""
    if not isinstance(value, str):
        return ["not a quoted string"]
    if definition["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return ["not a number"]
        if not definition.get("MinValue", number) <= number <= definition.get("MaxValue", number):
            return ["out of range"]
    broken = []
    for item in value.split(",") if definition["Type"] == "CommaDelimitedList" else [value]:
        if item not in definition.get("AllowedValues", [item]):
            broken.append("not an allowed value")
        if not re.search(definition.get("AllowedPattern", ""), item):
            broken.append("does not match the pattern")
        if len(item) > definition.get("MaxLength", len(item)):
            broken.append("too long")
    return broken
