"""`.taskcat.yml` fits the templates and the environments."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.templates.model import CHILDREN, ENVIRONMENTS, PROJECT, configuration, template

DOCUMENT = yaml.safe_load((PROJECT / ".taskcat.yml").read_text())
COMMON = DOCUMENT["project"]["parameters"]
TESTS = DOCUMENT["tests"]
STACKS = ("root", *CHILDREN)


def given(test: str) -> dict[str, str]:
    """Parameters of a test."""
    return COMMON | TESTS[test].get("parameters", {})


def stack_of(test: str) -> str:
    """Name of the template that a test deploys."""
    return TESTS[test]["template"].removeprefix("stacks/").removesuffix(".yaml")


def service_name(test: str) -> str:
    return given(test)["ServiceName"].replace("$[taskcat_test_name]", test)


def test_three_regions_or_more_are_named() -> None:
    assert len(set(DOCUMENT["project"]["regions"])) >= 3
    assert not any("regions" in test for test in TESTS.values())


@pytest.mark.parametrize("test", TESTS)
def test_values_are_strings_because_taskcat_drops_others(test: str) -> None:
    assert [name for name, value in given(test).items() if not isinstance(value, str)] == []


@pytest.mark.parametrize("stack", STACKS)
def test_defaults_are_strings_because_taskcat_drops_overrides_of_others(stack: str) -> None:
    defaults = [parameter.get("Default", "") for parameter in template(stack)["Parameters"].values()]
    assert all(isinstance(default, str) for default in defaults)


@pytest.mark.parametrize("test", TESTS)
def test_each_parameter_without_a_default_is_given(test: str) -> None:
    parameters = template(stack_of(test))["Parameters"]
    needed = {name for name, parameter in parameters.items() if "Default" not in parameter}
    assert needed <= given(test).keys()


@pytest.mark.parametrize("test", TESTS)
def test_each_parameter_of_a_test_is_one_of_its_template(test: str) -> None:
    assert TESTS[test].get("parameters", {}).keys() <= template(stack_of(test))["Parameters"].keys()


def test_stack_without_a_test_needs_what_a_sibling_makes() -> None:
    outputs = {name for child in CHILDREN for name in template(child)["Outputs"]}
    tested = {stack_of(test) for test in TESTS}
    alone = {stack for stack in STACKS if not outputs & template(stack)["Parameters"].keys()}
    assert tested == alone


def test_service_names_are_allowed_and_nobody_elses() -> None:
    names = [service_name(test) for test in TESTS]
    others = {configuration(environment)["Parameters"]["ServiceName"] for environment in ENVIRONMENTS}
    pattern = template("root")["Parameters"]["ServiceName"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, name) for name in names)
    assert len({*names, *others}) == len(names) + len(others)


@pytest.mark.parametrize("parameter", ["FromAddress", "FromIdentity"])
def test_sender_is_that_of_the_development_environment(parameter: str) -> None:
    assert COMMON[parameter] == configuration("dev")["Parameters"][parameter]


def test_lambda_code_lies_in_the_region_and_is_not_built_by_taskcat() -> None:
    assert DOCUMENT["project"]["s3_regional_buckets"] is True
    assert DOCUMENT["project"]["package_lambda"] is False
