"""Both pipelines do the same, call only `make` and `notify`, and reach each environment by its own role."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from ops.deploying.templates import parse
from tests.templates.model import PROJECT, deploy

PIPELINE = parse((PROJECT / "ci" / "pipeline.yaml").read_text())
ROLE = parse((PROJECT / "ci" / "deployment-role.yaml").read_text())
WORKFLOW = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())
ENVIRONMENTS = ("dev", "staging", "prod")
HELPERS = ("mkdir -p ~/.aws", "printf '[profile deployment]", "export AWS_PROFILE=deployment")
"""What says which role the builds of the pipeline take; the action of the workflow does it there."""


def resource(logical_id: str) -> dict[str, Any]:
    found: dict[str, Any] = PIPELINE["Resources"][logical_id]["Properties"]
    return found


def actions() -> list[tuple[str, dict[str, Any]]]:
    """Stage and action, in the order of the pipeline."""
    stages = resource("Pipeline")["Stages"]
    return [
        (stage["Name"], action)
        for stage in stages
        for action in sorted(stage["Actions"], key=lambda a: a.get("RunOrder", 1))
    ]


def commands_of(project: str) -> list[str]:
    phases = yaml.safe_load(resource(project)["Source"]["BuildSpec"])["phases"]
    return [command for phase in phases.values() for command in phase["commands"]]


def statements(role: str) -> list[dict[str, Any]]:
    return [
        statement
        for policy in resource(role)["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def own_commands(commands: list[str]) -> list[str]:
    """Without what chooses the role, and without differences that only the shell sees."""
    kept = [command for command in commands if not command.startswith(HELPERS)]
    return [
        re.sub(r"\$(DEPLOYMENT|AWS)_REGION", "$REGION", c.removeprefix("AWS_PROFILE=deployment "))
        for c in kept
    ]


def test_prod_comes_last_and_only_after_approval() -> None:
    assert [f"{stage}: {action['Name']}" for stage, action in actions()] == [
        "Source: Fetch",
        "Verify: Verify",
        "Taskcat: Taskcat",
        "Dev: Deploy",
        "Staging: Deploy",
        "Prod: Approve",
        "Prod: Deploy",
    ]
    jobs = WORKFLOW["jobs"]
    assert [job.get("needs") for job in jobs.values()] == [None, "verify", "taskcat", "dev", "staging"]
    assert list(jobs) == ["verify", "taskcat", *ENVIRONMENTS]


def test_each_environment_is_deployed_with_its_own_role() -> None:
    for stage, action in actions():
        if action["Name"] != "Deploy":
            continue
        environment = stage.lower()
        variables = json.loads(action["Configuration"]["EnvironmentVariables"]["Fn::Sub"])
        assert {one["name"]: one["value"] for one in variables} == {
            "ENVIRONMENT": environment,
            "ROLE_ARN": "arn:${AWS::Partition}:iam::${"
            + stage
            + "AccountId}:role/deployment-${ServiceName}-"
            + environment,
        }
        assert WORKFLOW["jobs"][environment]["environment"] == environment
        assert WORKFLOW["jobs"][environment]["env"] == {"ENVIRONMENT": environment}


def test_builds_call_make_and_notify_only() -> None:
    for project in ("VerifyProject", "TaskcatProject", "DeployProject"):
        for command in own_commands(commands_of(project)):
            assert re.match(r"make [a-z]+|\.tools/bin/uv run notify [a-z]+", command), command


def test_workflow_runs_the_commands_of_the_pipeline() -> None:
    for job, project in {
        "verify": "VerifyProject",
        "taskcat": "TaskcatProject",
        **dict.fromkeys(ENVIRONMENTS, "DeployProject"),
    }.items():
        run = [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if "run" in step]
        assert own_commands(run) == own_commands(commands_of(project)), job


def test_deployment_is_looked_at_before_and_tried_afterwards() -> None:
    verbs = [match[1] for c in commands_of("DeployProject") if (match := re.search(r"notify (\w+)", c))]

    assert verbs == ["preflight", "deploy", "smoke"]


def test_what_verifies_reaches_no_account() -> None:
    allowed = {action for s in statements("VerifyRole") for action in s["Action"]}

    assert allowed == {"s3:GetObject", "s3:GetObjectVersion", "logs:CreateLogStream", "logs:PutLogEvents"}
    assert resource("VerifyProject")["ServiceRole"] == {"Fn::GetAtt": ["VerifyRole", "Arn"]}
    assert "id-token" not in {**WORKFLOW["permissions"], **WORKFLOW["jobs"]["verify"].get("permissions", {})}


def test_roles_of_the_pipeline_have_nothing_on_everything() -> None:
    for role in ("PipelineRole", "VerifyRole", "DeployRole"):
        for statement in statements(role):
            assert statement["Resource"] != "*", statement["Sid"]
            assert not any(action.endswith("*") for action in statement["Action"]), statement["Sid"]


def test_deployment_role_covers_the_service_of_each_resource_of_the_templates() -> None:
    allowed = {
        action.split(":")[0]
        for policy in ("DeployStacks", "DeployResources")
        for statement in ROLE["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }
    types = {r.type for stack in deploy("prod").values() for r in stack.resources.values()}

    assert {type_.split("::")[1].lower() for type_ in types} <= allowed


def test_deployment_role_changes_only_what_carries_its_name() -> None:
    """On everything it may look, and make what has no name before it is there."""
    statements = ROLE["Resources"]["DeployResources"]["Properties"]["PolicyDocument"]["Statement"]
    unbound = {
        action
        for s in statements
        if s["Resource"] == "*" and "Condition" not in s
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    looking = re.compile(r"[a-z]+:(Get|List|Describe|Simulate)\w+")

    assert {action for action in unbound if not looking.fullmatch(action)} == {
        "logs:DeleteQueryDefinition",
        "logs:PutQueryDefinition",
    }


def test_deployment_role_cannot_change_its_own_rights() -> None:
    """What it may write are the roles under the path of its environment, and its own is not."""
    name = ROLE["Resources"]["DeploymentRole"]["Properties"]["RoleName"]["Fn::Sub"]
    statements = ROLE["Resources"]["DeployResources"]["Properties"]["PolicyDocument"]["Statement"]
    (roles,) = [s for s in statements if s["Sid"] == "Roles"]

    assert name == "deployment-${NamePrefix}"
    assert "Path" not in ROLE["Resources"]["DeploymentRole"]["Properties"]
    assert [arn["Fn::Sub"].split(":role/")[1] for arn in roles["Resource"]] == [
        "${NamePrefix}/*",
        "${NamePrefix}-*/*",
    ]
