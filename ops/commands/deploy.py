"""The commands that change what is deployed: `artifacts`, `deploy`, `destroy`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated

import typer

from ops import targets
from ops.commands.options import NO, Env, Json, Region
from ops.deploying import artifacts as releases
from ops.deploying import deployment, environments, plan_view, templates
from ops.deploying.environments import Target
from ops.deploying.plans import Plan
from ops.output import Progress, answers, plain, print_json, table

OneEnv = Annotated[str, typer.Option("--env", help="Environment: a file of parameters/.")]
Stack = Annotated[
    str | None, typer.Option(help="One stack that stands alone, by name. Without it, root with all of them.")
]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask, except where data would be lost.")]


@dataclass(frozen=True)
class Terminal(deployment.Operator):
    """The operator at a terminal: sees plans on stdout, is asked on stderr."""

    says_yes: bool
    as_json: bool

    def sees(self, plan: Plan) -> None:
        """Show a plan."""
        if self.as_json:
            return
        if plan.change_set_id is not None:
            answers().print(plan_view.table_of(plan))
        answers().print(plain(plan_view.summary(plan)), soft_wrap=True)

    def agrees(self, question: str) -> bool:
        """Ask for yes or no."""
        return self.says_yes or typer.confirm(question, err=True)

    def confirms(self, danger: str, name: str) -> bool:
        """Ask for the name, whatever --yes says."""
        Progress().done(danger, "!")
        return bool(typer.prompt(f"Type {name} to go on", err=True, default="", show_default=False) == name)


def artifacts(env: OneEnv, region: Region = None, as_json: Json = False) -> None:
    """Build, upload, and print the release as parameters for `rain deploy --params`."""
    to = _target(env, region)
    release = releases.publish(to, Progress())
    if as_json:
        print_json(release.parameters)
        return
    sys.stdout.write(",".join(f"{name}={value}" for name, value in release.parameters.items()) + "\n")


def deploy(
    env: Env = None,
    stack: Stack = None,
    region: Region = None,
    only_plan: OnlyPlan = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Deploy the working tree: show what would change, ask, do it. Exit code 1: it was declined."""
    to = _target(env, region)
    result = deployment.deploy(
        to, stack or templates.ROOT, Terminal(yes, as_json), Progress(), only_plan=only_plan
    )
    if as_json:
        print_json(
            {
                "environment": to.environment.name,
                "account": to.aws.account,
                "region": to.aws.region,
                "plan": plan_view.as_json(result.plan),
                "outcome": result.outcome,
                "outputs": result.outputs,
            }
        )
    if result.outcome is None and not only_plan:
        Progress().done("nothing was changed", "!")
        raise typer.Exit(NO)


def destroy(
    env: OneEnv,
    stack: Stack = None,
    region: Region = None,
    delete_data: Annotated[
        bool,
        typer.Option("--delete-data", help="Also delete ledger, keys, queues and logs; asks for the name."),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Delete an environment's stacks; what holds data is kept, and listed. Exit code 1: it was declined."""
    of = _target(env, region)
    done = deployment.destroy(of, stack, Terminal(yes, as_json), Progress(), delete_data=delete_data)
    if done is None:
        raise typer.Exit(NO)
    if as_json:
        print_json(
            {
                "stacks": done.stack_names,
                "kept": [{"type": one.resource_type, "id": one.physical_id} for one in done.kept],
                "deleted": [
                    {"type": one.resource_type, "id": one.physical_id, "undo": undo}
                    for one, undo in done.deleted
                ],
            }
        )
        return
    rows = [("kept", one.resource_type.removeprefix("AWS::"), one.physical_id, "") for one in done.kept]
    rows += [
        ("deleted", one.resource_type.removeprefix("AWS::"), one.physical_id, undo)
        for one, undo in done.deleted
    ]
    if rows:
        answers().print(table("", "Type", "Id", "", rows=rows))
    if done.kept:
        Progress().done("docs/deployment.md says how to bring it back; --delete-data deletes it", "!")


def _target(env: str | None, region: str | None) -> Target:
    to = targets.choose(env, region)
    if to.environment.name != environments.LOCAL and (lines := to.environment.placeholders()):
        Progress().done(f"still an example's values: {'; '.join(lines)}", "!")
    return to
