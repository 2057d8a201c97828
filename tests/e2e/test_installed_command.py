"""`notify` installed from its declared dependencies alone, and run where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ci.emulator.process import Emulator
from ops import aws, cli
from ops.release.dependencies import uv
from tests.support.system import PROJECT, order, wait_for

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
    """An emulated account into which dev was deployed from this checkout."""
    with Emulator.start(tmp_path_factory.mktemp("emulator") / "log") as emulator:
        subprocess.run(
            [sys.executable, "-c", "from ops.cli import main; main()", "deploy", "--env", "dev", "--yes"],
            cwd=PROJECT,
            env={**os.environ, "AWS_ENDPOINT_URL": emulator.endpoint_url, "AWS_REGION": aws.LOCAL_REGION},
            check=True,
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


def test_operators_commands_work(run: Run, tmp_path: Path) -> None:
    def answer(*command: str) -> Any:
        done = run("notify", *command, "--env", "dev", "--json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    made = order()
    file = tmp_path / "order.json"
    file.write_text(json.dumps(made))
    answer("publish", str(file))
    wait_for("the email", lambda: [r["status"] for r in answer("find", made["order_id"])] == ["DELIVERED"])
    assert answer("hold", "--reason", "For a test")["on_hold"]
    assert any("on hold" in json.dumps(finding) for finding in answer("status"))
    assert not answer("resume", "--reason", "The test is over")["on_hold"]
    assert [entry["action"] for entry in answer("audit")] == ["resume", "hold"]
    file.write_text(json.dumps(made | {"order_id": "A-2", "total": None}))
    answer("publish", str(file))
    wait_for("the dead letter", lambda: any(queue["messages"] for queue in answer("dlq", "list")))
    assert len(answer("dlq", "show")) == 1
    assert sum(answer("stats")["dead_letters"].values()) == 1
    assert answer("cost")["month_to_date"]["total"] > 0


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
