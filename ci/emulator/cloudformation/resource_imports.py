"""Imports that MiniStack refuses: secrets, and stacks that are to be nested.

An update of an imported secret without a name would make another one, of the name that a new one would have.

Sources
-------
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-manually.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-nested-stacks.html
"""

from typing import Any

from ci.emulator.ministack import changesets, cloudformation, provisioners, secretsmanager

Properties = dict[str, Any]
Imported = tuple[str, dict[str, Any]]

_SECRET, _STACK = "AWS::SecretsManager::Secret", "AWS::CloudFormation::Stack"


def install() -> None:
    """Add both to the tables of what can be imported; keep an imported secret's name."""
    handlers = provisioners._RESOURCE_HANDLERS
    changesets._IMPORT_LOOKUPS[_SECRET] = (("Id",), _secret_problem)
    changesets._IMPORT_LOOKUPS[_STACK] = (("StackId",), _stack_problem)
    handlers[_SECRET]["import"] = _import_secret
    handlers[_STACK]["import"] = _import_stack
    original_update = handlers[_SECRET]["update"]

    def update(physical_id: str, old: Properties, new: Properties, *where: str) -> Imported:
        name = {} if "Name" in new else {"Name": physical_id}
        updated: Imported = original_update(physical_id, old | name, new | name, *where)
        return updated

    handlers[_SECRET]["update"] = update


def _secret_problem(secret_id: str) -> str | None:
    found = secretsmanager._resolve(secret_id)[1]
    return None if found else _not_found(_SECRET, secret_id)


def _not_found(resource_type: str, value: str) -> str:
    return str(changesets._IMPORT_NOT_FOUND.format(type=resource_type, value=value))


def _import_secret(identifier: dict[str, str]) -> Imported:
    name, secret = secretsmanager._resolve(identifier["Id"])
    return name, {"Id": secret["ARN"], "Arn": secret["ARN"]}


def _stack_problem(stack_id: str) -> str | None:
    name = provisioners._nested_stack_lookup_name(stack_id)
    stack = cloudformation._stacks.get(name)
    if stack is None or stack["StackStatus"] == "DELETE_COMPLETE":
        return _not_found(_STACK, stack_id)
    return None


def _import_stack(identifier: dict[str, str]) -> Imported:
    stack = cloudformation._stacks[provisioners._nested_stack_lookup_name(identifier["StackId"])]
    outputs = {f"Outputs.{output['OutputKey']}": output["OutputValue"] for output in stack["Outputs"]}
    return stack["StackId"], outputs
