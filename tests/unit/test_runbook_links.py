"""Runbooks have one shape, name what exists, are linked where they are looked for, and are tried by tests."""

from __future__ import annotations

import ast
import re
from functools import cache

import botocore.session
import pytest

from notifications import failures, metric_names
from notifications.email_types import EmailTypes
from notifications.ledger import Status
from ops.deploying import environments, templates
from tests.runbooks import pages
from tests.runbooks.commands import UnknownCommandError, check_block, check_mention, options
from tests.runbooks.pages import DRILLS, INDEX, SECTIONS, Page
from tests.support.system import PROJECT
from tests.templates.model import deploy, resources_of

SERVICE = "email-notifications-prod"
STACKS = deploy("prod")
ALARMS = resources_of(STACKS, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
RUNBOOKS = pages.runbooks()
NAMED = resources_of(
    STACKS,
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::SQS::Queue",
    "AWS::Lambda::Function",
)
LOGGED = "".join(path.read_text() for path in (PROJECT / "functions").rglob("*.py"))
EVERYTHING = [INDEX, *RUNBOOKS, DRILLS]
WORDS = {
    *("HEALTHY", "PROBATION", "SHUTDOWN", "Enabled", "Disabled", "PendingDeletion", "AccessDenied", "KMS"),
    *("UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "Task timed out", "false"),
}
"""What AWS answers, and a page explains."""
SERVICES_OF_CLOUDTRAIL = ("sqs", "kms", "lambda")

by_name = pytest.mark.parametrize("page", EVERYTHING, ids=lambda page: page.name)
one_runbook = pytest.mark.parametrize("page", RUNBOOKS, ids=lambda page: page.name)


def short(alarm: str) -> str:
    return alarm.removeprefix(f"{SERVICE}-")


def links(page: Page) -> list[str]:
    """Files that a page links, from its own folder."""
    found = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.prose)
    return [link for link in found if not link.startswith("http")]


def runbook_of(alarm_description: str) -> str:
    [path] = re.findall(r"Runbook: (docs/runbooks/\S+\.md)", alarm_description)
    return path


@cache
def vocabulary() -> set[str]:
    """What may stand between backticks besides commands, variables and files."""
    names = {resource.name for resource in NAMED}
    settings = [environments.get(each).settings for each in ("dev", "local")]
    session = botocore.session.get_session()
    return {
        *names,
        *map(short, names),
        *(alias.properties["AliasName"] for alias in resources_of(STACKS, "AWS::KMS::Alias")),
        *(value for name, value in vars(metric_names).items() if name.isupper()),
        *(name for stack in templates.children() for name in templates.load(stack)["Outputs"]),
        *(name for each in settings for name in (*each.parameters, *each.parameters.values(), *each.tags)),
        *Status,
        *failures.SES_ERROR_CODES,
        *failures.LEDGER_ERROR_CODES,
        *EmailTypes().get("order_confirmation").sample,
        *(
            name
            for each in SERVICES_OF_CLOUDTRAIL
            for name in session.get_service_model(each).operation_names
        ),
        *pages.placeholders(),
        *options(),
        *WORDS,
    }


def exists(name: str) -> bool:
    """Whether what stands between backticks on a page is something that there is."""
    if name.startswith("notify "):
        check_mention(name)
        return True
    if name == "notify" or name.startswith(("git ", "make ")):
        return True
    if name.startswith("$"):
        return name.removeprefix("$") in {*pages.placeholders(), "SERVICE"}
    spelt_out = name.replace("$SERVICE", SERVICE).replace("$ENV", "prod")
    is_of_the_code = f'"{name}"' in LOGGED
    return spelt_out in vocabulary() or is_of_the_code or ("/" in name and (PROJECT / spelt_out).exists())


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_alarm_links_a_runbook_whose_symptom_names_it(alarm) -> None:
    page = Page(PROJECT / runbook_of(alarm.properties["AlarmDescription"]))
    assert page in RUNBOOKS
    symptom = page.text.split("## Symptom\n")[1].split("\n## ")[0]
    assert f"`{short(alarm.name)}`" in symptom


@one_runbook
def test_runbook_is_on_the_index_page(page: Page) -> None:
    assert f"{page.name}.md" in links(INDEX)


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.logical_id)
def test_index_page_names_every_alarm(alarm) -> None:
    assert f"`{short(alarm.name)}`" in INDEX.text


def test_page_of_the_composite_alarm_names_every_alarm_that_raises_it() -> None:
    [composite] = resources_of(STACKS, "AWS::CloudWatch::CompositeAlarm")
    page = Page(PROJECT / runbook_of(composite.properties["AlarmDescription"]))
    children = re.findall(r'ALARM\("([^"]+)"\)', composite.properties["AlarmRule"])
    assert children
    assert [child for child in children if f"`{short(child)}`" not in page.text] == []


@one_runbook
def test_runbook_has_exactly_these_headings(page: Page) -> None:
    assert tuple(page.headings) == SECTIONS


@one_runbook
def test_runbook_is_short(page: Page) -> None:
    assert len(page.text.splitlines()) <= 100


@by_name
def test_pages_links_lead_somewhere(page: Page) -> None:
    missing = [link for link in links(page) if not (page.path.parent / link).exists()]
    assert not missing


@by_name
def test_pages_commands_exist(page: Page) -> None:
    for block in page.all_blocks:
        check_block(block)


@by_name
def test_pages_variables_are_set_on_the_index_page(page: Page) -> None:
    known = {*pages.placeholders(), "SERVICE", "PWD", "PATH"}
    for block in page.all_blocks:
        known |= set(re.findall(r"(?:^export | |\bfor )([A-Za-z_]\w*)(?:=| in )", block, re.MULTILINE))
        assert set(re.findall(r"\$\{?([A-Za-z_]\w*)", block)) <= known


@by_name
def test_page_names_nothing_that_does_not_exist(page: Page) -> None:
    named = re.findall(r"`([^`\n]+)`", page.prose)
    assert [name for name in named if not exists(name)] == []


def test_every_runbook_and_the_drills_are_executed_by_a_test() -> None:
    followed = {
        node.args[0].value
        for path in (PROJECT / "tests" / "runbooks").glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "follow"
        and isinstance(node.args[0], ast.Constant)
    }
    drills = PROJECT / "tests" / "runbooks" / "test_drills.py"
    assert "drill.finish()" in drills.read_text()
    assert followed == {page.name for page in [INDEX, *RUNBOOKS]}


def test_no_test_of_a_runbook_is_skipped() -> None:
    for path in (PROJECT / "tests" / "runbooks").glob("*.py"):
        assert not re.search(r"skip|xfail", path.read_text())


@pytest.mark.parametrize(
    "block",
    [
        "uv run notify resumee --reason x",
        "uv run notify hold --because x",
        "uv run notify hold",
        "uv run notify deploy --env dev | uv run notify nope",
        "aws sesv2 get-acount",
        "aws sesv2 get-account --nonsense 1",
        "aws sqs get-queue-attributes --queue-url $(aws sqs get-queue-uri --queue-name x)",
        "jq .",
    ],
)
def test_command_that_does_not_exist_is_noticed(block: str) -> None:
    with pytest.raises(UnknownCommandError):
        check_block(block)


@pytest.mark.parametrize(
    "name", ["bounce-rate-hi", "EmailsAcepted", "LedgerTable", "notify holdd", "stacks/nope.yaml"]
)
def test_name_of_something_that_does_not_exist_is_noticed(name: str) -> None:
    try:
        assert not exists(name)
    except UnknownCommandError:
        assert name.startswith("notify ")
