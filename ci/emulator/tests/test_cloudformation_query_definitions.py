"""Saved queries of CloudWatch Logs Insights live with their stack."""

from __future__ import annotations

from typing import Any

import pytest

from ci.emulator.tests.stacks import Stack

TEMPLATE = """
Parameters:
  Folder: {{Type: String}}
Resources:
  SlowestQuery:
    Type: AWS::Logs::QueryDefinition
    Properties:
      Name: !Sub "${{Folder}}/slowest"
      LogGroupNames: [/aws/lambda/send]
      QueryString: "{query}"
Outputs:
  Id: {{Value: !Ref SlowestQuery}}
"""


@pytest.fixture
def stack(clients) -> Stack:
    return Stack(clients)


def saved(clients, folder: str) -> list[dict[str, Any]]:
    found = clients("logs").describe_query_definitions(queryDefinitionNamePrefix=f"{folder}/")
    return found["queryDefinitions"]


def test_saved_query_lives_with_its_stack(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-querydefinition.html"""
    outputs = stack.create(TEMPLATE.format(query="fields @message"), Folder=stack.name)

    [query] = saved(clients, stack.name)
    assert query["queryDefinitionId"] == outputs["Id"]
    assert (query["name"], query["queryString"]) == (f"{stack.name}/slowest", "fields @message")
    assert query["logGroupNames"] == ["/aws/lambda/send"]

    stack.update(TEMPLATE.format(query="fields @timestamp"), Folder=stack.name)

    [query] = saved(clients, stack.name)
    assert (query["queryDefinitionId"], query["queryString"]) == (outputs["Id"], "fields @timestamp")

    stack.delete()
    assert saved(clients, stack.name) == []


def test_other_requests_for_logs_are_answered_as_before(clients, stack):
    clients("logs").create_log_group(logGroupName=stack.name)
    [group] = clients("logs").describe_log_groups(logGroupNamePrefix=stack.name)["logGroups"]
    assert group["logGroupName"] == stack.name


def test_stack_fails_when_a_saved_query_asks_nothing(stack):
    template = TEMPLATE.format(query="").replace(
        "Folder: {Type: String}", "Folder: {Type: String, Default: f}"
    )

    assert "lacks QueryString" in stack.create_that_fails(template)
