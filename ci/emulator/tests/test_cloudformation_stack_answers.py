"""What an answer about a stack tells, and what it leaves out."""

import json
from typing import Any

import pytest

from ci.emulator.tests.stacks import WAITER, Stack

TOPIC = "Resources: {Topic: {Type: 'AWS::SNS::Topic'}}"


@pytest.fixture
def stack(clients) -> Stack:
    return Stack(clients)


def nesting(stack: Stack, template: str) -> str:
    """A template whose only resource is a stack of the given template."""
    child = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": stack.url(template)}}
    return json.dumps({"Resources": {"Child": child}})


def descendants(cloudformation, stack_id: str) -> list[dict[str, Any]]:
    """Descriptions of a stack and those nested in it, root first."""
    [described] = cloudformation.describe_stacks(StackName=stack_id)["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName=stack_id)["StackResources"]
    nested = [r["PhysicalResourceId"] for r in resources if r["ResourceType"].endswith("::Stack")]
    return [described, *(below for child in nested for below in descendants(cloudformation, child))]


def test_nested_stack_names_its_parent_and_its_root(clients, stack):
    cloudformation = clients("cloudformation")
    stack.create(nesting(stack, nesting(stack, TOPIC)))

    root, middle, leaf = descendants(cloudformation, stack.name)

    assert {"ParentId", "RootId"}.isdisjoint(root)
    assert (middle["ParentId"], middle["RootId"]) == (root["StackId"], root["StackId"])
    assert (leaf["ParentId"], leaf["RootId"]) == (middle["StackId"], root["StackId"])


def test_list_of_stacks_tells_which_are_nested(clients, stack):
    stack.create(nesting(stack, TOPIC))

    pages = clients("cloudformation").get_paginator("list_stacks").paginate()
    listed = [s for page in pages for s in page["StackSummaries"] if s["StackName"].startswith(stack.name)]

    [root] = [s for s in listed if "ParentId" not in s]
    [child] = [s for s in listed if "ParentId" in s]
    assert root["StackName"] == stack.name
    assert child["ParentId"] == child["RootId"] == root["StackId"]


def test_event_of_what_went_well_has_no_reason(clients, stack):
    stack.create(TOPIC)

    events = clients("cloudformation").describe_stack_events(StackName=stack.name)["StackEvents"]

    topic = [event for event in events if event["LogicalResourceId"] == "Topic"]
    assert [event["ResourceStatus"] for event in topic] == ["CREATE_COMPLETE", "CREATE_IN_PROGRESS"]
    assert all("ResourceStatusReason" not in event for event in topic)


def test_event_of_a_failure_has_its_reason(stack):
    reason = stack.create_that_fails("Resources: {Alias: {Type: 'AWS::KMS::Alias', Properties: {}}}")
    assert reason


def test_stack_is_found_by_its_name_while_it_is_being_deleted(clients, stack):
    cloudformation = clients("cloudformation")
    stack.create(TOPIC)

    cloudformation.delete_stack(StackName=stack.name)

    [described] = cloudformation.describe_stacks(StackName=stack.name)["Stacks"]
    assert described["StackStatus"] == "DELETE_IN_PROGRESS"
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack.name, WaiterConfig=WAITER)


def test_events_tell_the_id_of_a_nested_stack_before_it_is_complete(clients, stack):
    cloudformation = clients("cloudformation")
    stack.create(nesting(stack, TOPIC))

    _, child = descendants(cloudformation, stack.name)
    events = cloudformation.describe_stack_events(StackName=stack.name)["StackEvents"]
    told = [
        (event["ResourceStatus"], event["PhysicalResourceId"])
        for event in reversed(events)
        if event["LogicalResourceId"] == "Child"
    ]

    begun, known, done = told
    assert begun == ("CREATE_IN_PROGRESS", "")
    assert known == ("CREATE_IN_PROGRESS", child["StackId"])
    assert done == ("CREATE_COMPLETE", child["StackId"])
