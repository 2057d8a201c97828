"""What is pasted from a page, taken apart into the programs that it starts, and held to what these know."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from ops import cli
from tests.support import aws_cli

OF_THE_SHELL = {
    *("curl", "date", "echo", "export", "git", "grep", "make", "printf", "sed", "seq", "test", "tr"),
    *("for", "done"),
}
"""Programs that every operator has; what they are asked is seen when a test runs it."""
SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
SEPARATORS = re.compile(r"^[;|&\n]+$")


class UnknownCommandError(Exception):
    """A page names a command, or an option of one, that does not exist."""


def commands(block: str) -> Iterator[list[str]]:
    """Each command of a block as words; the inner ones of `$( )` come first, and stand for one word."""
    text = block.replace("\\\n", " ")
    while found := SUBSTITUTION.search(text):
        yield from commands(found[1])
        text = text[: found.start()] + "SUBSTITUTED" + text[found.end() :]
    lexer = shlex.shlex(text, posix=True, punctuation_chars=";|&\n")
    lexer.whitespace, lexer.whitespace_split = " \t", True
    words: list[str] = []
    for token in [*lexer, ";"]:
        if not SEPARATORS.match(token):
            words.append(token)
        elif words:
            yield words
            words = []


def check_block(block: str) -> None:
    """Make sure that every command of a block exists; UnknownCommandError if one does not."""
    for words in commands(block):
        check(words)


def check(words: list[str]) -> None:
    """Make sure that there is such a command.

    Raises
    ------
    UnknownCommandError
        There is none, or it does not take these arguments.
    """
    if words[0] in ("!", "do"):
        words = words[1:]
    match words:
        case []:
            return
        case ["uv", "run", "notify", *arguments]:
            _check_notify(arguments)
        case ["aws", *arguments]:
            try:
                aws_cli.parse(arguments)
            except aws_cli.UsageError as error:
                raise UnknownCommandError(str(error)) from error
        case [program, *_] if program in OF_THE_SHELL:
            return
        case _:
            raise UnknownCommandError(f"nobody knows {words[0]}")


def check_mention(text: str) -> None:
    """Make sure that there is a command of ours, and its options, as a sentence names them: `notify hold`.

    Raises
    ------
    UnknownCommandError
        There is none, or it has no such option.
    """
    name, command, arguments = _find(text.split()[1:])
    known = {option for parameter in command.params for option in parameter.opts}
    if unknown := {word for word in arguments if word.startswith("--")} - known:
        raise UnknownCommandError(f"notify {name} has no {unknown}")


def options() -> set[str]:
    """Every option of every command of ours."""
    todo, found = [typer.main.get_command(cli.app)], set()
    while todo:
        command = todo.pop()
        todo += command.commands.values() if isinstance(command, TyperGroup) else []
        found |= {option for parameter in command.params for option in parameter.opts}
    return found


def _check_notify(arguments: list[str]) -> None:
    name, command, rest = _find(arguments)
    try:
        command.make_context(name, rest)
    except TyperException as error:
        raise UnknownCommandError(f"notify {name}: {error.format_message()}") from error


def _find(arguments: list[str]) -> tuple[str, Any, list[str]]:
    """The command that is meant, its name, and what it is given."""
    command, name = typer.main.get_command(cli.app), "notify"
    while isinstance(command, TyperGroup):
        if not arguments or arguments[0] not in command.commands:
            raise UnknownCommandError(f"{name} has no command {' '.join(arguments[:1])}")
        name, *arguments = arguments
        command = command.commands[name]
    return name, command, arguments
