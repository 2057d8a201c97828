"""Parameters explain themselves, and each environment's file gives valid values for exactly those of root."""

import re
from typing import Any

import pytest

from tests.templates.model import (
    ARTIFACT,
    CHILDREN,
    ENVIRONMENTS,
    PARAMETERS,
    configuration,
    template,
    violations,
)

ROOT = template("root")
TEMPLATES = ("root", *CHILDREN)
DEFINITIONS: dict[str, dict[str, Any]] = {
    f"{name}-{parameter}": definition
    for name in TEMPLATES
    for parameter, definition in template(name)["Parameters"].items()
}


def params(definitions: dict[str, dict[str, Any]]) -> list[Any]:
    return [pytest.param(definition, id=name) for name, definition in definitions.items()]


@pytest.mark.parametrize("definition", params(DEFINITIONS))
def test_parameter_is_described_and_constrained(definition: dict[str, Any]) -> None:
    assert definition["Description"].endswith((".", ")."))
    assert definition["ConstraintDescription"].startswith("must be ")
    assert {"AllowedPattern", "AllowedValues", "MinValue"} & set(definition)


@pytest.mark.parametrize("definition", params({n: d for n, d in DEFINITIONS.items() if "Default" in d}))
def test_parameters_default_is_a_quoted_string_within_its_constraints(definition: dict[str, Any]) -> None:
    assert violations(definition, definition["Default"]) == []


@pytest.mark.parametrize(
    "definition", params({n: d for n, d in DEFINITIONS.items() if d["Type"] == "Number"})
)
def test_numbers_description_and_constraint_name_its_unit(definition: dict[str, Any]) -> None:
    constraint = definition["ConstraintDescription"]

    if "MinValue" in definition:
        unit = re.fullmatch(rf"must be {definition['MinValue']} to {definition['MaxValue']} (.+)", constraint)
        assert unit, constraint
        assert unit[1] in definition["Description"]
    else:
        assert "days" in constraint
        assert "days" in definition["Description"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_parameter_is_in_one_group_of_the_console(name: str) -> None:
    groups = template(name)["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [parameter for group in groups for parameter in group["Parameters"]]

    assert sorted(grouped) == sorted(template(name)["Parameters"])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameter_file_has_every_parameter_of_root_that_a_release_does_not_bring(environment: str) -> None:
    assert set(configuration(environment)) == {"Parameters", "Tags"}
    assert set(configuration(environment)["Parameters"]) == set(ROOT["Parameters"]) - set(ARTIFACT)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameter_files_values_are_valid(environment: str) -> None:
    for name, value in configuration(environment)["Parameters"].items():
        assert violations(ROOT["Parameters"][name], value) == [], name


@pytest.mark.parametrize("environment", [name for name in ENVIRONMENTS if name != "prod"])
def test_value_that_differs_from_productions_has_its_reason_above_it(environment: str) -> None:
    own, production = (configuration(name)["Parameters"] for name in (environment, "prod"))
    lines = (PARAMETERS / f"{environment}.yaml").read_text().splitlines()
    above = {line.strip().split(":")[0]: lines[n - 1].strip() for n, line in enumerate(lines) if n}

    differing = [name for name in own if own[name] != production[name] and name != "Environment"]
    assert [name for name in differing if not above[name].startswith("# ")] == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameter_file_is_for_the_environment_of_its_name(environment: str) -> None:
    parameters, tags = configuration(environment)["Parameters"], configuration(environment)["Tags"]

    assert parameters["Environment"] == environment
    assert tags == {
        "Service": parameters["ServiceName"],
        "Environment": environment,
        "Deployment": f"{parameters['ServiceName']}-{environment}",
    }


def test_production_has_someone_who_hears_its_alarms() -> None:
    rule = ROOT["Rules"]["SomeoneHearsProductionAlarms"]

    assert template("observability")["Rules"] == ROOT["Rules"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Production"}, "true"]}
    assert rule["Assertions"][0]["Assert"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AlertEmailAddress"}, ""]}]
    }
    assert configuration("prod")["Parameters"]["AlertEmailAddress"]


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("SettleWindowSeconds", "0", "out of range"),
        ("SettleWindowSeconds", "soon", "not a number"),
        ("SettleWindowSeconds", 900, "not a quoted string"),
        ("LogLevel", "LOUD", "not an allowed value"),
        ("FromAddress", "orders@example.com\nBcc: x@example.com", "does not match the pattern"),
        ("FromAddress", "Orders <orders@example.com>", "does not match the pattern"),
        ("PublisherPrincipalArns", "arn:aws:iam::111122223333:root,*", "does not match the pattern"),
        ("ArtifactPrefix", "releases/0a1b", "does not match the pattern"),
        ("ServiceName", "Email", "does not match the pattern"),
        ("Environment", "d", "does not match the pattern"),
        ("Environment", "shop-eu", "does not match the pattern"),
        ("Environment", "abcdefghijklm", "does not match the pattern"),
        ("Production", "yes", "not an allowed value"),
    ],
)
def test_wrong_value_is_refused(name: str, value: object, problem: str) -> None:
    assert problem in violations(ROOT["Parameters"][name], value)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/a,arn:aws:iam::111122223333:user/b",
    ],
)
def test_publishers_are_none_or_a_list_of_principals(value: str) -> None:
    assert violations(ROOT["Parameters"]["PublisherPrincipalArns"], value) == []
