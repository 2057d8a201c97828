"""Change sets of nested stacks: MiniStack's stop at the nested stack.

With ``IncludeNestedStacks`` a change set gets one more for each nested stack that it modifies, and names it
in ``ChangeSetId``.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/change-sets-for-nested-stacks.html
"""

import copy
from http import HTTPStatus
from typing import Any
from xml.sax.saxutils import escape

from ci.emulator.ministack import (
    changesets,
    cloudformation,
    engine,
    handlers,
    helpers,
    provisioners,
    responses,
    stacks,
)

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]
ChangeSet = dict[str, Any]

_TYPE = "AWS::CloudFormation::Stack"
_UNKNOWN = object()
_NO_CHANGES = "The submitted information didn't contain changes."


def install() -> None:
    """Add the nested change sets where change sets are made, described and deleted."""
    actions = handlers._ACTION_HANDLERS
    create, describe, delete = (actions[f"{verb}ChangeSet"] for verb in ("Create", "Describe", "Delete"))

    def create_with_nested(parameters: Parameters) -> Answer:
        answer: Answer = create(parameters)
        change_set_id, change_set = _find(parameters)
        if answer[0] == HTTPStatus.OK and helpers._p(parameters, "IncludeNestedStacks") == "true":
            for change in _modified_stacks(change_set or {}):
                change["ChangeSetId"] = _nested(change_set_id, change_set or {}, change)
        return answer

    def describe_with_nested(parameters: Parameters) -> Answer:
        status, headers, body = describe(parameters)
        _, change_set = _find(parameters)
        text = body.decode()
        for change in _modified_stacks(change_set or {}):
            named = f"<LogicalResourceId>{escape(change['LogicalResourceId'])}</LogicalResourceId>"
            if "ChangeSetId" in change:
                text = text.replace(
                    named, f"{named}<ChangeSetId>{escape(change['ChangeSetId'])}</ChangeSetId>"
                )
        return status, headers, text.encode()

    def delete_with_nested(parameters: Parameters) -> Answer:
        _, change_set = _find(parameters)
        for change in _modified_stacks(change_set or {}):
            cloudformation._change_sets.pop(change.get("ChangeSetId"), None)
        answer: Answer = delete(parameters)
        return answer

    actions["CreateChangeSet"] = create_with_nested
    actions["DescribeChangeSet"] = describe_with_nested
    actions["DeleteChangeSet"] = delete_with_nested


def _find(parameters: Parameters) -> tuple[str, ChangeSet | None]:
    name, stack_name = helpers._p(parameters, "ChangeSetName"), helpers._p(parameters, "StackName")
    stack = handlers._resolve_stack(stack_name) if stack_name else None
    found: tuple[str, ChangeSet | None] = changesets._find_change_set(
        name, stack["StackName"] if stack else stack_name
    )
    return found


def _modified_stacks(change_set: ChangeSet) -> list[dict[str, Any]]:
    changes = [change["ResourceChange"] for change in change_set.get("Changes", [])]
    return [c for c in changes if c["ResourceType"] == _TYPE and c["Action"] == "Modify"]


def _nested(parent_id: str, parent: ChangeSet, change: dict[str, Any]) -> str:
    """Make the change set of a nested stack; returns its id."""
    above = cloudformation._stacks[parent["StackName"]]
    stack = cloudformation._stacks[provisioners._nested_stack_lookup_name(change["PhysicalResourceId"])]
    properties = _properties(parent, above, change["LogicalResourceId"])
    template = engine._parse_template(
        helpers._resolve_template({"TemplateURL": [properties["TemplateURL"]]})[0]
    )
    provided = _known_parameters(properties.get("Parameters", {}), stack)
    values = engine._resolve_parameters(template, provided)
    before = stack["_resolved_params"]
    where = (stack["StackName"], stack["StackId"])
    changes = stacks._diff_resources(
        changesets._resolve_props_for_diff(stack["_template"], before, *where),
        changesets._resolve_props_for_diff(template, values, *where),
        stack["_resources"],
        template,
        {name for name, value in values.items() if before.get(name, {}).get("Value") != value["Value"]},
    )
    region = stacks._stack_region(stack, stack["StackId"])
    name = f"{parent['ChangeSetName']}-{change['LogicalResourceId']}"
    account, unique = responses.get_account_id(), responses.new_uuid()
    change_set_id = f"arn:aws:cloudformation:{region}:{account}:changeSet/{name}/{unique}"
    cloudformation._change_sets[change_set_id] = {
        "ChangeSetId": change_set_id,
        "ChangeSetName": name,
        "StackId": stack["StackId"],
        "StackName": stack["StackName"],
        "Status": "CREATE_COMPLETE" if changes else "FAILED",
        # A nested change set is executed with its root's.
        "ExecutionStatus": "UNAVAILABLE",
        "StatusReason": "" if changes else _NO_CHANGES,
        "CreationTime": responses.now_iso(),
        "ChangeSetType": "UPDATE",
        "Changes": changes,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v["Value"]} for k, v in values.items()],
        "Tags": parent["Tags"],
        "Capabilities": parent["Capabilities"],
        "ParentChangeSetId": parent_id,
    }
    return change_set_id


def _properties(parent: ChangeSet, above: dict[str, Any], logical_id: str) -> dict[str, Any]:
    """Properties of the nested stack as the parent's new template has them."""
    template, values = parent["_template"], parent["_resolved_params"]
    conditions = engine._evaluate_conditions(template, values)

    def resolved(value: Any) -> Any:
        where = (conditions, template.get("Mappings", {}), above["StackName"], above["StackId"])
        try:
            return engine._resolve_refs(copy.deepcopy(value), above["_resources"], values, *where)
        except ValueError:  # an output that the parent's other stacks do not have yet
            return _UNKNOWN

    properties = template["Resources"][logical_id]["Properties"]
    parameters = {name: resolved(value) for name, value in properties.get("Parameters", {}).items()}
    return {"TemplateURL": resolved(properties["TemplateURL"]), "Parameters": parameters}


def _known_parameters(parameters: dict[str, Any], stack: dict[str, Any]) -> list[dict[str, str]]:
    """What the stack will be given; what is not known before the execution is as it was."""
    before = {name: value["Value"] for name, value in stack["_resolved_params"].items()}
    known = {name: str(value) for name, value in parameters.items() if value is not _UNKNOWN}
    return [{"Key": name, "Value": value} for name, value in {**before, **known}.items()]
