"""The artifact bucket of an account and region, and the releases in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ops.aws import Aws
from ops.deploying.deployment import SUCCEEDED, find_stack, follow, outputs_of, parameters_of
from ops.deploying.environments import Environment
from ops.errors import DeploymentError
from ops.output import Progress
from ops.release import build
from ops.release.dependencies import Target

if TYPE_CHECKING:
    from types_boto3_cloudformation.type_defs import StackTypeDef

TEMPLATE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Release:
    """An artifact where CloudFormation finds it."""

    bucket: str
    prefix: str
    region: str

    @property
    def parameters(self) -> dict[str, str]:
        """What templates are told of it."""
        return {"ArtifactBucket": self.bucket, "ArtifactPrefix": self.prefix}

    def template_url(self, stack: str) -> str:
        """URL of a template, in the form that root uses."""
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return f"https://s3.{self.region}.{domain}/{self.bucket}/{self.prefix}stacks/{stack}.yaml"


def publish(aws: Aws, environment: Environment, progress: Progress, *, poll_seconds: float = 2.0) -> Release:
    """Build the working tree, make or update the region's bucket, upload what is not there yet.

    An emulator runs the functions on this machine, so what it gets is built for this machine.

    Raises
    ------
    BuildError
        It cannot be built here; says what to do.
    DeploymentError
        CloudFormation could not make the bucket.
    """
    with progress.doing("building the functions and templates"):
        target: Target = "local" if aws.is_emulator else "aws"
        artifact = build.build(target, environment.settings.parameters["Architecture"])
    with progress.doing("uploading"):
        bucket = _bucket(aws, environment, poll_seconds)
        build.publish(artifact, aws.s3, bucket)
    size = artifact.functions_zip.stat().st_size / 2**20
    progress.done(f"artifact {artifact.prefix} ({size:.1f} MiB) is in s3://{bucket}")
    return Release(bucket, artifact.prefix, aws.region)


def _bucket(aws: Aws, environment: Environment, poll_seconds: float) -> str:
    """Bring the bucket's stack up to date; returns the bucket's name."""
    name = f"{environment.service}-artifacts"
    stack = find_stack(aws.cloudformation, name)
    body = TEMPLATE.read_text()
    if stack is not None and _is_current(aws, stack, body, environment.service):
        return outputs_of(stack)["ArtifactBucket"]
    request: dict[str, Any] = {
        "StackName": name,
        "TemplateBody": body,
        "Parameters": [{"ParameterKey": "ServiceName", "ParameterValue": environment.service}],
        "Tags": [{"Key": "Service", "Value": environment.service}],
    }

    def start() -> None:
        if stack is None:
            aws.cloudformation.create_stack(**request, EnableTerminationProtection=True)
        else:
            aws.cloudformation.update_stack(**request)

    after = follow(aws.cloudformation, name, start, on_event=lambda _: None, poll_seconds=poll_seconds)
    return outputs_of(after)["ArtifactBucket"]


def _is_current(aws: Aws, stack: StackTypeDef, body: str, service: str) -> bool:
    if stack["StackStatus"] not in (*SUCCEEDED, "UPDATE_ROLLBACK_COMPLETE"):
        raise DeploymentError(
            f"Stack {stack['StackName']}, which holds the artifact bucket, is {stack['StackStatus']}.",
            "Wait for it, or repair it in the CloudFormation console.",
        )
    template: Any = aws.cloudformation.get_template(StackName=stack["StackName"])["TemplateBody"]
    return template == body and parameters_of(stack) == {"ServiceName": service}
