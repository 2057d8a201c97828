"""The rights that a deployment needs, and which of them the caller lacks by IAM's own simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.preflight.findings import Unseen

DENIED = ("explicitDeny", "implicitDeny")

NEEDED: Mapping[str, Sequence[str]] = {
    "arn:aws:cloudformation:{region}:{account}:stack/{name}/*": (
        "cloudformation:CreateChangeSet",
        "cloudformation:DescribeChangeSet",
        "cloudformation:ExecuteChangeSet",
        "cloudformation:DescribeStacks",
        "cloudformation:DescribeStackEvents",
        "cloudformation:GetTemplate",
        "cloudformation:SetStackPolicy",
        "cloudformation:UpdateTerminationProtection",
    ),
    "arn:aws:s3:::{service}-{account}-{region}/releases/x": ("s3:GetObject", "s3:PutObject"),
    "arn:aws:iam::{account}:role/{name}-x": (
        "iam:CreateRole",
        "iam:DeleteRole",
        "iam:GetRole",
        "iam:PassRole",
        "iam:PutRolePolicy",
    ),
    "*": ("kms:CreateKey",),
    "arn:aws:secretsmanager:{region}:{account}:secret:{name}-x": ("secretsmanager:CreateSecret",),
    "arn:aws:sns:{region}:{account}:{name}-order-events": (
        "sns:CreateTopic",
        "sns:SetTopicAttributes",
        "sns:Subscribe",
    ),
    "arn:aws:sqs:{region}:{account}:{name}-send": ("sqs:CreateQueue", "sqs:SetQueueAttributes"),
    "arn:aws:dynamodb:{region}:{account}:table/{name}-ledger": (
        "dynamodb:CreateTable",
        "dynamodb:UpdateTimeToLive",
        "dynamodb:UpdateContinuousBackups",
    ),
    "arn:aws:lambda:{region}:{account}:function:{name}-send-email": (
        "lambda:CreateFunction",
        "lambda:UpdateFunctionCode",
    ),
    "arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{name}-send-email": (
        "logs:CreateLogGroup",
        "logs:PutRetentionPolicy",
    ),
    "arn:aws:ses:{region}:{account}:configuration-set/{name}": ("ses:CreateConfigurationSet",),
    "arn:aws:cloudwatch:{region}:{account}:alarm:{name}-x": ("cloudwatch:PutMetricAlarm",),
    "arn:aws:scheduler:{region}:{account}:schedule/{name}-probe/{name}-probe": ("scheduler:CreateSchedule",),
    "arn:aws:budgets::{account}:budget/{name}-x": ("budgets:ModifyBudget",),
}
"""Actions by a resource of the kind and name that a deployment makes: the ones without which it cannot begin
or would fail half-way. Not all of them: CloudFormation also reads, tags and deletes what it makes."""


def principal(iam: Any, caller_arn: str) -> str | Unseen | None:
    """ARN of the user or role whose policies hold for a caller; None for the root user, who may do all.

    A session's ARN leaves the path of its role out, so that the role is looked up.
    """
    kind, _, rest = caller_arn.split(":", 5)[5].partition("/")
    if kind == "root":
        return None
    if kind == "user":
        return caller_arn
    if kind == "assumed-role":
        return str(iam.get_role(RoleName=rest.split("/")[0])["Role"]["Arn"])
    return Unseen(f"The rights of {caller_arn} cannot be simulated.")


def denied(iam: Any, caller_arn: str, names: Mapping[str, str]) -> list[str] | Unseen:
    """Which of the needed actions the caller may not take.

    A refusal that may be due to a condition whose value the simulation does not know is no refusal yet.

    Parameters
    ----------
    iam
        IAM client.
    names
        `account`, `region`, `service` and `name` (service and environment) of the deployment.
    """
    source = principal(iam, caller_arn)
    if isinstance(source, Unseen):
        return source
    if source is None:
        return []
    found = []
    for resource, actions in NEEDED.items():
        partition = caller_arn.split(":")[1]
        arn = resource.format(**names).replace("arn:aws:", f"arn:{partition}:")
        pages = iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=source, ActionNames=list(actions), ResourceArns=[arn]
        )
        found += [
            str(result["EvalActionName"])
            for page in pages
            for result in page["EvaluationResults"]
            if result["EvalDecision"] in DENIED and not result.get("MissingContextValues")
        ]
    return found
