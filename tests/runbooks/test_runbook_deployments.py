"""The runbooks in which something is deployed: back, elsewhere, or with other parameters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.deploying.stacks import find_stack
from tests.runbooks import site as sites
from tests.runbooks.site import SERVICE, Site
from tests.support.system import wait_for

SECOND_REGION = "eu-west-1"
GOOD = "v1.0.0"
CODE = "functions/send_email.py"
WORKS = '    """Called by Lambda with one batch of the send queue."""\n'
CRASHES = WORKS + '    raise RuntimeError("Error of the release")\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with sites.deployed(tmp_path_factory.mktemp("deployments"), MonthlyBudgetUsd="10") as site:
        site.workspace.release(GOOD)
        yield site


@pytest.fixture(autouse=True)
def good_release(site: Site) -> Iterator[None]:
    yield
    site.workspace.run(f"git checkout --quiet --force {GOOD}")


def test_function_errors(site: Site) -> None:
    site.workspace.edit(CODE, WORKS, CRASHES)
    site.workspace.release("v1.1.0-function-errors")
    site.deploy()
    orders = site.send(3)
    wait_for("errors", lambda: "RuntimeError" in "".join(site.system.log()))
    site.wait_until_alarm("functions-failing")

    with site.follow("function-errors", GOOD_RELEASE=GOOD) as reader:
        _, send_log, _, status = reader.check()
        assert "Error of the release" in send_log
        assert "UPDATE_COMPLETE" in status
        reader.verify_says_no()
        reader.act()
        reader.verify_says_yes()
    site.assert_sent_once(orders)


def test_rollback_and_ownership(site: Site) -> None:
    with site.follow("rollback-and-ownership", GOOD_RELEASE=GOOD) as reader:
        leave_a_rollback_stuck(site)
        states, first = reader.check()
        assert "UPDATE_ROLLBACK_FAILED" in states
        assert "SendingStack" in first
        reader.verify_says_no()
        # The cause: the old release was deleted from the bucket. The good tree makes it again.
        reader.act("git switch")
        reader.act("notify artifacts")
        reader.act("continue-update-rollback")
        wait_for("the rollback", lambda: status(site) == "UPDATE_ROLLBACK_COMPLETE")
        reader.act("notify deploy")
        reader.verify_says_yes()


def test_second_region(site: Site) -> None:
    site.workspace.set("dev", CreateBudget="false")
    site.system.control.set_ses(region=SECOND_REGION, max_send_rate=200)
    with site.follow("second-region", OTHER_REGION=SECOND_REGION) as reader:
        reader.check()
        verify = reader.verify_says_no()
        assert "is not deployed in eu-west-1" in verify
        acted = reader.act()
        assert f":{SECOND_REGION}:" in acted.splitlines()[-1]
        assert acted.splitlines()[-1].endswith("-order-events")
        reader.verify_says_yes()
        reader.afterwards()


def test_budget_exceeded(site: Site) -> None:
    site.system.control.set_spend(actual_usd=8, forecast_usd=24)
    with site.follow("budget-exceeded") as reader:
        cost, budget, _ = reader.check()
        assert "Forecast" in cost
        assert budget.split()[1:] == ["10", "8.0", "24.0"]
        reader.verify_says_no()
        site.workspace.set("dev", MonthlyBudgetUsd="40")
        reader.act()
        reader.verify_says_yes()


def status(site: Site) -> str:
    stack = find_stack(site.system.aws.cloudformation, SERVICE)
    assert stack is not None
    return stack["StackStatus"]


def leave_a_rollback_stuck(site: Site) -> None:
    """Delete the release that is deployed, then fail a deployment after it has changed a function."""
    s3, [stack] = site.system.aws.s3, [find_stack(site.system.aws.cloudformation, SERVICE)]
    assert stack is not None
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack["Parameters"]}
    site.workspace.edit(CODE, WORKS, WORKS + '    """Another release."""\n')
    template = site.workspace.folder / "stacks" / "sending.yaml"
    before, function, after = template.read_text().partition("  CheckLedgerFunction:")
    template.write_text(before + function + after.replace("functions.zip", "missing.zip", 1))
    site.workspace.release("v1.2.0-rollback")
    release = s3.list_objects_v2(Bucket=parameters["ArtifactBucket"], Prefix=parameters["ArtifactPrefix"])
    for one in release["Contents"]:
        s3.delete_object(Bucket=parameters["ArtifactBucket"], Key=one["Key"])
    printed = site.deploy(exit_code=3)
    assert "UPDATE_ROLLBACK_FAILED" in printed
