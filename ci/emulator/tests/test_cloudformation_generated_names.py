"""A name that CloudFormation generates is unlike that of any other stack, in whatever region."""

import uuid

import pytest

from ci.emulator.tests.stacks import WAITER

TEMPLATE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: "sts:AssumeRole"}]
"""


@pytest.fixture
def name() -> str:
    return f"stack-{uuid.uuid4().hex[:8]}"


def role_of_new_stack(cloudformation, name: str) -> str:
    cloudformation.create_stack(StackName=name, TemplateBody=TEMPLATE)
    cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=WAITER)
    [role] = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    return role["PhysicalResourceId"]


def test_role_outlives_a_stack_of_the_same_name_in_another_region(clients, name):
    here, there = clients("cloudformation"), clients("cloudformation", region="eu-west-1")
    own, other = role_of_new_stack(here, name), role_of_new_stack(there, name)
    assert own != other
    there.delete_stack(StackName=name)
    there.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=WAITER)
    assert clients("iam").get_role(RoleName=own)["Role"]["RoleName"] == own


def test_role_keeps_its_name_when_the_stack_is_updated(clients, name):
    cloudformation = clients("cloudformation")
    role = role_of_new_stack(cloudformation, name)
    cloudformation.update_stack(StackName=name, TemplateBody=TEMPLATE.replace("lambda.", "scheduler."))
    cloudformation.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig=WAITER)
    [updated] = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
    assert updated["PhysicalResourceId"] == role
