"""`notify` installed from its declared dependencies alone, and run where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ci.emulator import server
from notifications.keys import order_key
from ops import aws, cli
from ops.deploying import environments
from ops.release.dependencies import uv
from tests.support.ledger_table import create_ledger_table

STACK = environments.get("dev").stack_name()
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python environment without this project's dependency groups, and with its package."""
    folder = tmp_path_factory.mktemp("environment")
    options = ("--frozen", "--no-default-groups", "--no-editable", "--quiet", "--python", sys.executable)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UV_PROJECT_ENVIRONMENT", str(folder))
        uv("sync", *options, "--reinstall-package", "email-notifications")
    return folder


@pytest.fixture(scope="module")
def endpoint_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulated account with a deployment that has a ledger and one record."""
    with server.start(None, tmp_path_factory.mktemp("emulator") / "log") as emulator:
        account = aws.local(emulator.endpoint_url)
        table_name = create_ledger_table(account.dynamodb)
        template = {
            "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
            "Outputs": {"LedgerTableName": {"Value": table_name}},
        }
        account.cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        created = account.cloudformation.get_waiter("stack_create_complete")
        created.wait(StackName=STACK, WaiterConfig={"Delay": 1})
        account.dynamodb.put_item(
            TableName=table_name,
            Item={
                "order_key": {"S": order_key("A-1")},
                "notification": {"S": "order_confirmation"},
                "order_id": {"S": "A-1"},
                "status": {"S": "DELIVERED"},
            },
        )
        yield emulator.endpoint_url


@pytest.fixture
def run(environment: Path, endpoint_url: str, tmp_path: Path) -> Run:
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": aws.LOCAL_REGION,
    }

    def run_in(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [environment / "bin" / program, *arguments],
            cwd=tmp_path,
            env=variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_in


def test_help_is_shown(run: Run) -> None:
    done = run("notify", "--help")
    assert done.returncode == 0, done.stderr
    assert "Orders and their emails" in done.stdout


def test_find_shows_what_became_of_an_order(run: Run) -> None:
    done = run("notify", "find", "A-1", "--env", "dev", "--json")
    assert done.returncode == 0, done.stderr
    [record] = json.loads(done.stdout)
    assert (record["order_id"], record["status"]) == ("A-1", "DELIVERED")


def test_every_command_can_be_imported(run: Run) -> None:
    modules = sorted(path.stem for path in cli.FOLDER.glob("*.py"))
    program = f"import importlib\nfor name in {modules}: importlib.import_module('ops.commands.' + name)"
    done = run("python", "-c", program)
    assert done.returncode == 0, done.stderr


def test_cost_is_planned(run: Run) -> None:
    done = run("notify", "cost", "--per-day", "2000")
    assert done.returncode == 0, done.stderr
    assert "US dollars" in done.stdout


@pytest.mark.parametrize(
    "command", [["local", "up"], ["demo"], ["deploy", "--env", "dev", "--yes"], ["artifacts", "--env", "dev"]]
)
def test_what_is_made_from_sources_asks_for_a_checkout(run: Run, command: list[str]) -> None:
    done = run("notify", *command)
    assert done.returncode == 3
    assert "needs a checkout: make setup" in done.stderr
