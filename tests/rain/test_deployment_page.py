"""What docs/deployment.md and README say of rain works, each command as it is printed there.

`make rain` runs this: it needs the rain that ci/rain pins.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ci.emulator.process import Emulator
from ci.rain import binary
from ops import aws
from ops.deploying import stacks
from tests.support import markdown
from tests.support.system import PROJECT, System, order, order_id

PAGE = PROJECT / "docs" / "deployment.md"
SECTION = "With rain"
ROOT = "email-notifications-dev"
STACKS = ("security", "messaging", "data", "sending", "observability")

code = partial(markdown.code, PAGE)


class Shell:
    """A shell in the project's folder; what one script defines the next one finds.

    It has the emulator's address and credentials that are worth nothing, and no others.
    """

    def __init__(self, rain: Path, emulator: Emulator, scratch: Path) -> None:
        self._state = scratch / "state.sh"
        self._state.touch()
        self._environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
            "PATH": os.pathsep.join([str(rain.parent), str(PROJECT / ".tools" / "bin"), os.environ["PATH"]]),
            "AWS_ENDPOINT_URL": emulator.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            # `uv run` takes the environment that this test runs in, and leaves it as it is.
            "UV_FROZEN": "1",
            "UV_NO_SYNC": "1",
        }

    def run(self, scripts: Sequence[str]) -> str:
        """Run them one after another, and return what they have printed."""
        return "".join(map(self._run, scripts))

    def _run(self, script: str) -> str:
        keep = f"{{ export -p; declare -f; }} > '{self._state}'"
        done = subprocess.run(
            ["bash", "-euc", f"source '{self._state}'\n{script}\n{keep}"],
            cwd=PROJECT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    with Emulator.start(tmp_path / "emulator.log") as emulator:
        emulator.control.set_ses(max_send_rate=200)
        yield emulator


@pytest.fixture
def shell(emulator: Emulator, tmp_path: Path) -> Shell:
    """A shell with the variables that the page begins with."""
    rain = binary.find()
    assert rain is not None, f"rain {binary.VERSION} is not here: `make rain` builds it"
    shell = Shell(rain.path, emulator, tmp_path)
    shell.run(code(SECTION))
    return shell


def stack(emulator: Emulator, name: str) -> dict[str, Any] | None:
    """Description of a stack, if it is there."""
    found = stacks.find_stack(aws.local(emulator.endpoint_url).cloudformation, name)
    return dict(found) if found else None


def status(emulator: Emulator, name: str) -> str | None:
    """Status of a stack, if it is there."""
    found = stack(emulator, name)
    return found["StackStatus"] if found else None


def tags(emulator: Emulator, name: str) -> dict[str, str]:
    """Tags of a stack that is there."""
    found = stack(emulator, name)
    assert found is not None
    return {tag["Key"]: tag["Value"] for tag in found["Tags"]}


def system(emulator: Emulator, *names: str) -> System:
    """The system that these stacks make together."""
    outputs: dict[str, str] = {}
    for name in names:
        found = stack(emulator, name)
        assert found is not None
        outputs |= {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}
    return System(emulator, outputs)


def log_level(system: System) -> str:
    """The level at which the sending function logs."""
    configuration = system.client("lambda").get_function_configuration(
        FunctionName=system.outputs["SendEmailFunctionName"]
    )
    return str(configuration["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"])


def deliver_an_order(system: System) -> None:
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")


def tables(system: System) -> list[str]:
    return list(system.aws.dynamodb.list_tables()["TableNames"])


def test_readme_deploys_with_rain_as_printed(emulator: Emulator, shell: Shell) -> None:
    _, with_rain = markdown.code(PROJECT / "README.md", "First deployment")
    shell.run([with_rain])

    assert status(emulator, ROOT) == "CREATE_COMPLETE"
    assert tags(emulator, ROOT)["Environment"] == "dev"


def test_root_is_deployed_changed_and_removed_as_printed(emulator: Emulator, shell: Shell) -> None:
    printed = shell.run(code("Everything, from root"))

    assert f"Successfully deployed {ROOT}" in printed
    assert status(emulator, ROOT) == "CREATE_COMPLETE"
    assert tags(emulator, ROOT)["Deployment"] == ROOT
    deployed = system(emulator, ROOT)
    assert log_level(deployed) == "DEBUG"
    deliver_an_order(deployed)

    make, look, execute, compare = code("What would change")
    assert "SendingStack" in shell.run([make])
    assert "Modify" in shell.run([look])
    assert log_level(deployed) == "DEBUG"
    assert f"Successfully updated {ROOT}" in shell.run([execute])
    assert status(emulator, ROOT) == "UPDATE_COMPLETE"
    assert log_level(deployed) == "ERROR"
    assert tags(emulator, ROOT)["Deployment"] == ROOT
    deliver_an_order(deployed)
    assert shell.run([compare]) == ""

    listed, described, failures, tree = (shell.run([one]) for one in code("What is there"))
    nested = [line for line in listed.splitlines() if f"{ROOT}-" in line]
    assert len(nested) == len(STACKS)
    assert all(line.startswith("   ") and line.endswith("_COMPLETE") for line in nested)
    assert deployed.outputs["OrderEventsTopicArn"] in described
    assert "No interesting log messages" in failures
    assert "SendingStack" in tree

    remove_root, _ = code("Removing")
    assert "Successfully deleted" in shell.run([remove_root])
    assert status(emulator, ROOT) is None
    assert tables(deployed) == [deployed.outputs["LedgerTableName"]]


def test_stacks_are_deployed_changed_and_removed_alone_as_printed(emulator: Emulator, shell: Shell) -> None:
    names = [f"{ROOT}-{name}" for name in STACKS]
    siblings, first, others, changed = code("One stack alone")

    shell.run([siblings, first, others])

    assert [status(emulator, name) for name in names] == ["CREATE_COMPLETE"] * len(STACKS)
    assert status(emulator, ROOT) is None
    deployed = system(emulator, *names)
    deliver_an_order(deployed)

    shell.run([changed])

    updated = [name for name in names if status(emulator, name) == "UPDATE_COMPLETE"]
    assert updated == [f"{ROOT}-sending"]
    assert log_level(deployed) == "ERROR"
    assert tags(emulator, f"{ROOT}-sending")["Deployment"] == ROOT
    deliver_an_order(deployed)

    _, remove_alone = code("Removing")
    shell.run([remove_alone])
    assert [status(emulator, name) for name in names] == [None] * len(STACKS)
    assert tables(deployed) == [deployed.outputs["LedgerTableName"]]


def test_page_names_the_rain_that_is_tried() -> None:
    assert f"rain {binary.VERSION}" in PAGE.read_text()


def test_no_part_of_the_page_is_left_out() -> None:
    assert markdown.headings(PAGE, SECTION) == [
        "Everything, from root",
        "What would change",
        "What is there",
        "One stack alone",
        "Removing",
    ]
