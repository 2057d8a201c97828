"""What taskcat is given to upload, and which of its tests run where."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.taskcat import staging
from ops.errors import InputError
from ops.release.build import Artifact
from tests.templates.model import PROJECT


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    folder = tmp_path / "artifact"
    (folder / "stacks").mkdir(parents=True)
    (folder / "stacks" / "root.yaml").write_text("Resources: {}")
    (folder / "functions.zip").write_bytes(b"zip")
    return Artifact(folder, "releases/0a1b/")


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_staged_folder_holds_the_artifact_and_the_configuration_alone(
    artifact: Artifact, tmp_path: Path
) -> None:
    folder = staging.stage(artifact, tmp_path / "project")
    assert files_in(folder) == {
        ".taskcat.yml": (PROJECT / ".taskcat.yml").read_bytes(),
        "functions.zip": b"zip",
        "stacks/root.yaml": b"Resources: {}",
    }


def test_staged_folder_has_nothing_left_of_an_earlier_run(artifact: Artifact, tmp_path: Path) -> None:
    folder = staging.stage(artifact, tmp_path / "project")
    (folder / "stacks" / "gone.yaml").write_text("")
    staging.stage(artifact, tmp_path / "project")
    assert not (folder / "stacks" / "gone.yaml").exists()


def test_plan_has_all_tests_and_regions_when_none_are_chosen() -> None:
    plan = staging.plan()
    assert plan.tests == ("root", "security")
    assert plan.regions == ("us-east-1", "eu-west-1", "ap-southeast-2")


def test_plan_has_what_is_chosen_in_regions_of_any_name() -> None:
    plan = staging.plan(["root"], ["eu-central-1"])
    assert plan == staging.Plan(("root",), ("eu-central-1",))


def test_plan_is_refused_when_a_test_is_unknown() -> None:
    with pytest.raises(InputError, match=r"no test 'sending'.*root, security"):
        staging.plan(["root", "sending"])


def test_plan_is_refused_when_a_region_is_named_twice() -> None:
    with pytest.raises(InputError, match="twice"):
        staging.plan(regions=["us-east-1", "us-east-1"])
