"""The stacks fit together: what one needs, another gives under the same name, in an order without a cycle."""

from graphlib import TopologicalSorter
from typing import Any

import pytest

from tests.templates.model import (
    ARTIFACT,
    CHILDREN,
    ENVIRONMENTS,
    deploy,
    resources_of,
    template,
    violations,
)

ROOT = template("root")


def nested(child: str) -> dict[str, Any]:
    return ROOT["Resources"][f"{child.capitalize()}Stack"]["Properties"]


def fed_by(child: str) -> dict[str, str]:
    """Return the stack that makes each of a child's parameters, for those that a sibling makes."""
    makers = {output: maker for maker in CHILDREN for output in template(maker)["Outputs"]}
    return {name: makers[name] for name in template(child)["Parameters"] if name in makers}


def waited_for(child: str) -> set[str]:
    """Return the stacks that root makes before a child although nothing of theirs is passed to it."""
    names = ROOT["Resources"][f"{child.capitalize()}Stack"].get("DependsOn", [])
    return {name.removesuffix("Stack").lower() for name in ([names] if isinstance(names, str) else names)}


def test_root_nests_every_other_template_and_has_nothing_else() -> None:
    assert set(ROOT["Resources"]) == {f"{child.capitalize()}Stack" for child in CHILDREN}
    assert {resource["Type"] for resource in ROOT["Resources"].values()} == {"AWS::CloudFormation::Stack"}


@pytest.mark.parametrize("child", CHILDREN)
def test_child_is_read_from_the_artifact_bucket_of_its_region(child: str) -> None:
    url = (
        "https://s3.${AWS::Region}.${AWS::URLSuffix}/${ArtifactBucket}/${ArtifactPrefix}stacks/"
        + child
        + ".yaml"
    )

    assert nested(child)["TemplateURL"] == {"Fn::Sub": url}


@pytest.mark.parametrize("child", CHILDREN)
def test_root_passes_exactly_the_parameters_that_a_child_declares(child: str) -> None:
    assert set(nested(child)["Parameters"]) == set(template(child)["Parameters"])


@pytest.mark.parametrize("child", CHILDREN)
def test_root_passes_a_parameter_on_under_its_own_name(child: str) -> None:
    own = {
        name: {"Fn::Join": [",", {"Ref": name}]}
        if ROOT["Parameters"][name]["Type"] == "CommaDelimitedList"
        else {"Ref": name}
        for name in ROOT["Parameters"]
    }
    siblings = {
        name: {"Fn::GetAtt": [f"{maker.capitalize()}Stack", f"Outputs.{name}"]}
        for name, maker in fed_by(child).items()
    }

    for name, value in nested(child)["Parameters"].items():
        assert value == (own | siblings)[name], name


def test_output_name_is_unique_among_the_children() -> None:
    names = [name for child in CHILDREN for name in template(child)["Outputs"]]

    assert sorted(names) == sorted(set(names))


def test_root_repeats_outputs_of_its_children_under_their_names() -> None:
    makers = {output: maker for maker in CHILDREN for output in template(maker)["Outputs"]}

    for name, output in ROOT["Outputs"].items():
        assert output["Value"] == {"Fn::GetAtt": [f"{makers[name].capitalize()}Stack", f"Outputs.{name}"]}
        assert output["Description"] == template(makers[name])["Outputs"][name]["Description"]


def test_root_gives_operators_and_tests_what_they_need() -> None:
    assert set(ROOT["Outputs"]) >= {
        *("OrderEventsTopicArn", "FeedbackTopicArn", "AlertsTopicArn", "KeyArn", "RecipientHashSecretArn"),
        *("SendQueueUrl", "SendDeadLetterQueueUrl", "OrderEventsUndeliveredQueueUrl"),
        *("FeedbackQueueUrl", "FeedbackDeadLetterQueueUrl", "FeedbackUndeliveredQueueUrl"),
        *("SendEmailFunctionName", "TrackDeliveryFunctionName", "SendEmailMappingId"),
        *("LedgerTableName", "ConfigurationSetName", "DashboardName"),
    }


@pytest.mark.parametrize("child", CHILDREN)
def test_child_deployed_alone_finds_each_value_in_the_parameters_or_in_a_siblings_outputs(child: str) -> None:
    known = set(ROOT["Parameters"]) | set(fed_by(child))

    assert set(template(child)["Parameters"]) <= known


def test_stacks_are_deployed_in_an_order_without_a_cycle() -> None:
    before = {child: {*fed_by(child).values(), *waited_for(child)} for child in CHILDREN}
    order = list(TopologicalSorter(before).static_order())

    assert order[0] == "security"
    assert order[-2:] == ["sending", "observability"]


@pytest.mark.parametrize("child", CHILDREN)
def test_parameter_has_one_definition_in_every_template(child: str) -> None:
    for name, definition in template(child)["Parameters"].items():
        for other in ("root", *CHILDREN):
            assert template(other)["Parameters"].get(name, definition) == definition, f"{other}: {name}"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_child_accepts_what_root_passes_it(environment: str) -> None:
    root = deploy(environment)["root"]

    for resource in root.resources.values():
        child = root.children[resource.logical_id]
        for name, value in resource.properties["Parameters"].items():
            assert violations(template(child.name)["Parameters"][name], value) == [], f"{child.name}: {name}"


@pytest.mark.parametrize("name", ["root", *CHILDREN])
def test_template_uses_neither_macros_nor_exports_nor_tool_directives(name: str) -> None:
    text = str(template(name))

    assert "Transform" not in template(name)
    for construct in ("Fn::Transform", "Fn::ImportValue", "'Export'", "Rain::"):
        assert construct not in text


def test_artifact_parameters_are_the_only_ones_that_a_deployment_adds() -> None:
    assert set(ARTIFACT) <= set(ROOT["Parameters"])


GENERATED = {
    "AWS::IAM::Role": "Arn",
    "AWS::KMS::Key": "Arn",
    "AWS::SecretsManager::Secret": "Id",
    "AWS::Lambda::EventSourceMapping": "Ref",
}
"""Types whose ids AWS makes up, wholly or in part."""


@pytest.mark.parametrize("child", CHILDREN)
def test_only_a_generated_id_is_passed_from_stack_to_stack(child: str) -> None:
    for name, maker in fed_by(child).items():
        ((function, source),) = template(maker)["Outputs"][name]["Value"].items()
        logical_id, attribute = (source, "Ref") if function == "Ref" else source
        type_ = template(maker)["Resources"][logical_id]["Type"]
        assert GENERATED.get(type_) == attribute, f"{name}: build it from ServiceName and Environment"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_name_that_a_stack_builds_is_that_of_a_resource(environment: str) -> None:
    """The ARNs that policies name are looked at in the tests of permissions."""
    stacks = deploy(environment)
    made = {resource.ref() for stack in stacks.values() for resource in stack.resources.values()}
    made |= {r.arn for stack in stacks.values() for r in stack.resources.values() if r.has_arn}
    variables = {
        f"{function.logical_id}.{name}": value
        for function in resources_of(stacks, "AWS::Lambda::Function")
        for name, value in function.properties["Environment"]["Variables"].items()
        if name.endswith(("_URL", "_ARN", "_NAME")) and not name.startswith("POWERTOOLS")
    }
    dimensions = {
        str(dimension["Value"]): dimension["Value"]
        for alarm in resources_of(stacks, "AWS::CloudWatch::Alarm")
        for query in alarm.properties.get("Metrics", [{"MetricStat": {"Metric": alarm.properties}}])
        for dimension in query.get("MetricStat", {"Metric": {}})["Metric"].get("Dimensions", [])
        if dimension["Name"] != "service"
    }
    names = {resource.name for stack in stacks.values() for resource in stack.resources.values()}

    assert {name: value for name, value in variables.items() if value not in made} == {}
    assert {name for name in dimensions if name not in names} <= {
        # A function that this environment does without.
        f"email-notifications-{environment}-guard-reputation"
    }
