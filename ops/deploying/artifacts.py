"""The artifact bucket of an account and region, and the releases in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.deploying.environments import Settings, Target
from ops.output import Progress
from ops.release import build

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


def publish(to: Target, progress: Progress) -> Release:
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
        architecture = to.environment.settings.parameters["Architecture"]
        artifact = build.build("local" if to.aws.is_emulator else "aws", architecture)
    with progress.doing("uploading"):
        name = bucket(to)
        build.publish(artifact, to.aws.s3, name)
    size = artifact.functions_zip.stat().st_size / 2**20
    progress.done(f"artifact {artifact.prefix} ({size:.1f} MiB) is in s3://{name}")
    return Release(name, artifact.prefix, to.aws.region)


def bucket(of: Target) -> str:
    """Bring the bucket's stack up to date; returns the bucket's name."""
    service = of.environment.service
    stack = of.stack_named(f"{service}-artifacts")
    settings = Settings({"ServiceName": service}, {"Service": service})
    plan = stack.prepare({"TemplateBody": TEMPLATE.read_text()}, settings)
    done = stack.execute(plan, lambda _: None)
    stack.protect(terminable=False)
    return done.outputs["ArtifactBucket"]
