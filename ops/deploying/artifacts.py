"""The artifact bucket of an account and region, and the releases in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.aws import Aws
from ops.deploying import deployment
from ops.deploying.deployment import Settings
from ops.deploying.environments import Environment
from ops.output import Progress
from ops.release import build
from ops.release.dependencies import Target

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

    def template(self, stack: str) -> dict[str, str]:
        """Where CloudFormation finds a template, by a URL of the form that root uses."""
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        return {
            "TemplateURL": f"https://s3.{self.region}.{domain}/{self.bucket}/{self.prefix}stacks/{stack}.yaml"
        }


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
        name = bucket(aws, environment.service, poll_seconds=poll_seconds)
        build.publish(artifact, aws.s3, name)
    size = artifact.functions_zip.stat().st_size / 2**20
    progress.done(f"artifact {artifact.prefix} ({size:.1f} MiB) is in s3://{name}")
    return Release(name, artifact.prefix, aws.region)


def bucket(aws: Aws, service: str, *, poll_seconds: float = 2.0) -> str:
    """Bring the bucket's stack up to date; returns the bucket's name."""
    client, stack_name = aws.cloudformation, f"{service}-artifacts"
    template = {"TemplateBody": TEMPLATE.read_text()}
    settings = Settings({"ServiceName": service}, {"Service": service})
    plan = deployment.prepare(client, stack_name, template, settings, poll_seconds=poll_seconds)
    done = deployment.execute(client, plan, on_event=lambda _: None, poll_seconds=poll_seconds)
    if plan.change_set_id is not None:
        client.update_termination_protection(StackName=stack_name, EnableTerminationProtection=True)
    return done.outputs["ArtifactBucket"]
