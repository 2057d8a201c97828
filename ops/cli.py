"""`notify`: which commands there are, and how errors are shown. A command is imported when it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import typer
from typer.core import TyperGroup

from ops.errors import explained

EXIT_CODES = (
    "Exit codes: 0 done; 1 the answer is no (nothing found, not running, not as expected); "
    "2 wrong usage or input; 3 it could not be done, and the message says what to do next."
)
FOLDER = Path(__file__).with_name("commands")
HEADINGS: dict[str, dict[str, str]] = {
    "Orders and their emails": {
        "publish": "publish.publish",
        "find": "find.find",
        "resend": "resend.resend",
    },
    "How it goes": {
        "status": "status.status",
        "stats": "stats.stats",
        "cost": "cost.cost",
        "audit": "audit.audit",
    },
    "When something is wrong": {
        "hold": "hold.hold",
        "resume": "hold.resume",
        "settle": "settle.settle",
        "restore": "restore.restore",
        "dlq": "dlq",
        "suppression": "suppression",
    },
    "Deployment": {
        "preflight": "preflight.preflight",
        "deploy": "deploy.deploy",
        "smoke": "smoke.smoke",
        "artifacts": "deploy.artifacts",
        "destroy": "deploy.destroy",
    },
    "On this machine": {"demo": "demo.demo", "local": "local"},
}
"""Where each command is in ops/commands: the function of a module, or a module with several commands."""

GROUPS: dict[str, dict[str, str]] = {
    "dlq": {
        "list": "dlq.list_",
        "show": "dlq.show",
        "redrive": "dlq.redrive",
        "discard": "dlq.discard",
    },
    "suppression": {"show": "suppression.show", "remove": "suppression.remove"},
    "local": {"up": "local.up", "down": "local.down", "status": "local.status", "inbox": "local.inbox"},
}


class Commands(Mapping[str, Any]):
    """Commands by name, each made when somebody asks for it."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, name: str) -> Any:
        module, _, function = self._places[name].partition(".")
        if not function:
            return Group(
                name=module,
                help=_summary(module),
                epilog=EXIT_CODES,
                no_args_is_help=True,
                rich_markup_mode=None,
            )
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(name, epilog=EXIT_CODES)(getattr(import_module(f"ops.commands.{module}"), function))
        return typer.main.get_command(app)


class Group(TyperGroup):
    """Lists commands without importing them, and shows expected errors without a traceback."""

    def __init__(self, *, name: str, **attributes: Any) -> None:
        super().__init__(name=name, **attributes)
        self.headings = {"Commands": GROUPS[name]} if name in GROUPS else HEADINGS
        places = {command: place for section in self.headings.values() for command, place in section.items()}
        self.commands = cast("Any", Commands(places))

    def format_commands(self, _ctx: Any, formatter: Any) -> None:
        """Write each command with the first line of its docstring, by heading."""
        for heading, places in self.headings.items():
            with formatter.section(heading):
                formatter.write_dl([(name, _summary(*place.split("."))) for name, place in places.items()])

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            failure = explained(error)
            if failure is None:
                raise
        from ops.output import print_error  # noqa: PLC0415 - Rich, which help does without

        print_error(failure)
        raise typer.Exit(failure.exit_code)


app = typer.Typer(
    cls=Group,
    name="notify",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def notify() -> None:
    """Operate email notifications: run them on this machine, send orders, see what became of them."""


def _summary(module: str, function: str | None = None) -> str:
    """The first line of a docstring without its exit codes; the module is not imported for it."""
    node: Any = ast.parse((FOLDER / f"{module}.py").read_bytes())
    if function:
        node = next(part for part in node.body if getattr(part, "name", None) == function)
    return (ast.get_docstring(node) or "").partition("\n")[0].partition(" Exit code")[0]


def main() -> None:
    """Entry point of `notify`."""
    app()
