"""The commands that change what is deployed: `artifacts`, `deploy`, `destroy`."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.table import Table

from ops import targets
from ops.commands.options import NO, Env, Json, Region
from ops.deploying import artifacts as releases
from ops.deploying import deployment, environments, templates
from ops.deploying.environments import Target
from ops.deploying.plans import Action, Change, Plan
from ops.deploying.stack_events import NESTED_STACK
from ops.output import Progress, answers, plain, print_json, table

OneEnv = Annotated[str, typer.Option("--env", help="Environment: a file of parameters/.")]
Stack = Annotated[
    str | None, typer.Option(help="One stack that stands alone, by name. Without it, root with all of them.")
]
OnlyPlan = Annotated[bool, typer.Option("--plan", help="Show what would change, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask, except where data would be lost.")]

MARKS: dict[Action, tuple[str, str, str]] = {
    "add": ("+", "added", "green"),
    "change": ("~", "changed", "yellow"),
    "replace": ("!", "replaced", "bold red"),
    "may replace": ("?", "perhaps replaced", "bold red"),
    "remove": ("-", "removed", "bold red"),
}
"""Of each action the mark, the past, and the style."""


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
            answers().print(_plan_table(plan))
        answers().print(plain(_plan_summary(plan)), soft_wrap=True)

    def agrees(self, question: str) -> bool:
        """Ask for yes or no."""
        return self.says_yes or typer.confirm(question, err=True)

    def confirms(self, danger: str, name: str) -> bool:
        """Ask for the name, whatever --yes says."""
        Progress().done(danger, "!")
        return bool(typer.prompt(f"Type {name} to go on", err=True, default="", show_default=False) == name)


def artifacts(env: OneEnv, region: Region = None) -> None:
    """Build, upload, and print the release as parameters for `rain deploy --params`."""
    release = releases.publish(_target(env, region), Progress())
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
    to, operator = _target(env, region), Terminal(yes, as_json)
    result = deployment.deploy(to, stack or templates.ROOT, operator, Progress(), only_plan=only_plan)
    if as_json:
        print_json(
            {
                "environment": to.environment.name,
                "account": to.aws.account,
                "region": to.aws.region,
                "plan": _plan_json(result.plan),
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
    operator = Terminal(yes, as_json)
    done = deployment.destroy(_target(env, region), stack, operator, Progress(), delete_data=delete_data)
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
    told = [("kept", one, "") for one in done.kept] + [("deleted", one, undo) for one, undo in done.deleted]
    rows = [(what, _kind(one.resource_type), one.physical_id, undo) for what, one, undo in told]
    if rows:
        answers().print(table("", "Type", "Id", "", rows=rows))
    if done.kept:
        Progress().done("docs/deployment.md says how to bring it back; --delete-data deletes it", "!")


def _target(env: str | None, region: str | None) -> Target:
    to = targets.choose(env, region)
    if to.environment.name != environments.LOCAL and (lines := to.environment.placeholders()):
        Progress().done(f"still an example's values: {'; '.join(lines)}", "!")
    return to


def _plan_table(plan: Plan) -> Table:
    """Changed parameters, then changed resources, each with the properties that change."""
    shown = table("", "", "Resource", "Type", "What changes", rows=[])
    for name, (before, after) in plan.parameters.items():
        shown.add_row(*map(plain, ("~", "change", name, "parameter", f"{before or '(none)'} → {after}")))
    for change in plan.changes:
        mark, _, style = MARKS[change.action]
        action = f"{change.action}!" if change.endangers_data else change.action
        where = f"{change.stack}/{change.logical_id}".lstrip("/")
        cells = (mark, action, where, _kind(change.resource_type), "; ".join(_details(change)))
        shown.add_row(*map(plain, cells), style=style)
    return shown


def _details(change: Change) -> tuple[str, ...]:
    nested = {templates.nested_id(name): name for name in templates.children()}
    if change.action == "add" and change.resource_type == NESTED_STACK and change.logical_id in nested:
        return (f"{len(templates.load(nested[change.logical_id])['Resources'])} new",)
    return change.details


def _plan_summary(plan: Plan) -> str:
    """One line: how many resources are added, changed and so on."""
    if plan.change_set_id is None:
        return f"{plan.stack_name}: nothing changes"
    counts = Counter(change.action for change in plan.changes)
    told = ", ".join(f"{counts[action]} {done}" for action, (_, done, _) in MARKS.items() if counts[action])
    unseen = f" (nested stacks were not looked into: {plan.unseen})" if plan.unseen else ""
    return f"{plan.stack_name}: {told or 'no resource changes'}{unseen}"


def _plan_json(plan: Plan) -> dict[str, Any]:
    return {
        "stack": plan.stack_name,
        "new": plan.is_new,
        "parameters": {name: {"from": old, "to": new} for name, (old, new) in plan.parameters.items()},
        "changes": [
            {
                "action": change.action,
                "stack": change.stack,
                "resource": change.logical_id,
                "type": change.resource_type,
                "details": change.details,
                "endangers_data": change.endangers_data,
            }
            for change in plan.changes
        ],
        "nested_stacks_unseen": plan.unseen,
    }


def _kind(resource_type: str) -> str:
    return resource_type.removeprefix("AWS::")
