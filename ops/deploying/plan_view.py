"""A plan for people and for machines."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from ops.deploying import templates
from ops.deploying.plans import Action, Change, Plan
from ops.deploying.stack_events import NESTED_STACK
from ops.output import plain, table

MARKS: dict[Action, tuple[str, str]] = {
    "add": ("+", "green"),
    "change": ("~", "yellow"),
    "replace": ("!", "bold red"),
    "may replace": ("?", "bold red"),
    "remove": ("-", "bold red"),
}
DONE: dict[Action, str] = {
    "add": "added",
    "change": "changed",
    "replace": "replaced",
    "may replace": "perhaps replaced",
    "remove": "removed",
}


def table_of(plan: Plan) -> Table:
    """Changed parameters, then changed resources, each with the properties that change."""
    shown = table("", "", "Resource", "Type", "What changes", rows=[])
    for name, (before, after) in plan.parameters.items():
        shown.add_row(
            plain("~"),
            plain("change"),
            plain(name),
            plain("parameter"),
            plain(f"{before or '(none)'} → {after}"),
        )
    for change in plan.changes:
        mark, style = MARKS[change.action]
        action = f"{change.action}!" if change.endangers_data else change.action
        where = f"{change.stack}/{change.logical_id}" if change.stack else change.logical_id
        kind = change.resource_type.removeprefix("AWS::")
        shown.add_row(*map(plain, (mark, action, where, kind, "; ".join(_details(change)))), style=style)
    return shown


def summary(plan: Plan) -> str:
    """One line: how many resources are added, changed and so on."""
    if plan.change_set_id is None:
        return f"{plan.stack_name}: nothing changes"
    counts = {action: sum(change.action == action for change in plan.changes) for action in MARKS}
    told = ", ".join(f"{count} {DONE[action]}" for action, count in counts.items() if count)
    unseen = f" (nested stacks were not looked into: {plan.unseen})" if plan.unseen else ""
    return f"{plan.stack_name}: {told or 'no resource changes'}{unseen}"


def as_json(plan: Plan) -> dict[str, Any]:
    """The stable form of `notify deploy --json`."""
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
                "details": list(change.details),
                "endangers_data": change.endangers_data,
            }
            for change in plan.changes
        ],
        "nested_stacks_unseen": plan.unseen,
    }


def _details(change: Change) -> list[str]:
    nested = {templates.nested_id(name): name for name in templates.children()}
    if change.action == "add" and change.resource_type == NESTED_STACK and change.logical_id in nested:
        return [f"{len(templates.load(nested[change.logical_id])['Resources'])} new"]
    return list(change.details)
