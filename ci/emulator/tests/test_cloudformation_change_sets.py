"""What a change set lists, of the stack itself and of those nested in it."""

import json
from typing import Any

import pytest

from ci.emulator.tests.stacks import Stack

CONDITIONAL = """
Parameters: {Wanted: {Type: String}, Title: {Type: String}}
Conditions: {IsWanted: !Equals [!Ref Wanted, "true"]}
Resources:
  Always: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Title}}
  Sometimes: {Type: AWS::SNS::Topic, Condition: IsWanted, Properties: {DisplayName: !Ref Title}}
"""


@pytest.fixture
def stack(clients) -> Stack:
    return Stack(clients)


def nesting(stack: Stack, template: str) -> str:
    """A template whose only resource is a stack of the conditional template."""
    child = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": stack.url(template),
            "Parameters": {name: {"Ref": name} for name in ("Wanted", "Title")},
        },
    }
    parameters = {name: {"Type": "String"} for name in ("Wanted", "Title")}
    return json.dumps({"Parameters": parameters, "Resources": {"Child": child}})


def changes(clients, stack: Stack, template: str, **parameters: str) -> dict[str, str]:
    """Action on each resource, of the stack and below it, in a change set that is not executed."""
    cloudformation = clients("cloudformation")
    made = cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="changes",
        TemplateURL=stack.url(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        IncludeNestedStacks=True,
    )
    try:
        return listed(cloudformation, made["Id"])
    finally:
        cloudformation.delete_change_set(ChangeSetName=made["Id"])


def listed(cloudformation: Any, change_set_id: str) -> dict[str, str]:
    described = cloudformation.describe_change_set(ChangeSetName=change_set_id)
    resources = [change["ResourceChange"] for change in described["Changes"]]
    found = {resource["LogicalResourceId"]: resource["Action"] for resource in resources}
    for nested in [resource["ChangeSetId"] for resource in resources if "ChangeSetId" in resource]:
        found |= listed(cloudformation, nested)
    return found


@pytest.mark.parametrize("nested", [pytest.param(False, id="alone"), pytest.param(True, id="nested")])
@pytest.mark.parametrize(
    ("before", "after", "action"),
    [
        ("false", "false", None),
        ("false", "true", "Add"),
        ("true", "false", "Remove"),
        ("true", "true", "Modify"),
    ],
)
def test_resource_counts_as_there_only_while_its_condition_holds(
    clients, stack, nested, before, after, action
):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html

    "Resources associated with a false condition are ignored."
    """
    template = nesting(stack, CONDITIONAL) if nested else CONDITIONAL
    stack.create(template, Wanted=before, Title="first")

    found = changes(clients, stack, template, Wanted=after, Title="second")

    expected = {"Always": "Modify", "Sometimes": action} | ({"Child": "Modify"} if nested else {})
    assert found == {name: action for name, action in expected.items() if action}


def test_nested_stack_has_no_change_when_only_what_its_condition_leaves_out_differs(clients, stack):
    stack.create(nesting(stack, CONDITIONAL), Wanted="false", Title="first")
    differs = CONDITIONAL.replace(
        "Condition: IsWanted, Properties: {", "Condition: IsWanted, Properties: {FifoTopic: true, "
    )
    assert differs != CONDITIONAL

    found = changes(clients, stack, nesting(stack, differs), Wanted="false", Title="first")

    assert found == {"Child": "Modify"}
