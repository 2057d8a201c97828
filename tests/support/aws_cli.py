"""The part of the AWS CLI that the docs use: `aws SERVICE [wait] OPERATION --option value …`, as real calls.

The project does not install the AWS CLI, which operators have; botocore has its services, operations and
options. What is here behaves as documented: https://docs.aws.amazon.com/cli/latest/userguide/cli-usage.html
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from botocore.model import OperationModel, Shape
from botocore.waiter import SingleWaiterConfig

PROJECT = Path(__file__).resolve().parents[2]
SCALARS = {"integer": int, "long": int, "double": float, "float": float, "string": str}
SESSION = botocore.session.get_session()
FAILED, USAGE = 254, 252
"""https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-returncodes.html"""


class UsageError(Exception):
    """There is no such service, operation or option, or a value does not fit."""


@dataclass(frozen=True)
class Command:
    """A command line that has been understood.

    Parameters
    ----------
    waiter
        What is waited for by the operation.
    """

    service: str
    operation: OperationModel
    parameters: dict[str, Any]
    waiter: str | None = None
    query: str = "@"
    output: str = "json"
    region: str | None = None
    outfile: Path | None = None


def parse(arguments: Sequence[str]) -> Command:
    """Understand a command line, without the leading `aws`."""
    service, operation_name, *rest = arguments
    waiter = None
    if operation_name == "wait":
        waiter, *rest = rest
        operation_name = _option(_waiter(service, waiter).operation)
    model = _operation(service, operation_name)
    members = model.input_shape.members if model.input_shape else {}
    known = {_option(name): (name, shape) for name, shape in members.items()}
    parameters: dict[str, Any] = {}
    own: dict[str, str] = {}
    streamed = model.get_streaming_output()
    outfile = Path(rest.pop()) if streamed and rest and not rest[-1].startswith("--") else None
    for option, values in _options(rest):
        if option in ("query", "output", "region"):
            [own[option]] = values
        elif option in known:
            name, shape = known[option]
            parameters[name] = _value(shape, values)
        elif option.removeprefix("no-") in known and not values:
            parameters[known[option.removeprefix("no-")][0]] = False
        else:
            raise UsageError(f"aws {service} {operation_name} has no option --{option}")
    missing = set(model.input_shape.required_members if model.input_shape else ()) - parameters.keys()
    if missing:
        raise UsageError(f"aws {service} {operation_name} lacks {', '.join(sorted(missing))}")
    jmespath.compile(own.get("query", "@"))
    return Command(service, model, parameters, waiter, outfile=outfile, **own)


def run(command: Command) -> str:
    """Call AWS, all pages of it, and return what is printed."""
    client = SESSION.create_client(
        command.service,
        command.region or os.environ["AWS_REGION"],
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
    )
    if command.waiter:
        waiter = client.get_waiter(command.waiter.replace("-", "_"))
        waiter.wait(**command.parameters, WaiterConfig={"Delay": 1})
        return ""
    method = xform_name(command.operation.name)
    if client.can_paginate(method):
        answer = client.get_paginator(method).paginate(**command.parameters).build_full_result()
    else:
        answer = getattr(client, method)(**command.parameters)
        answer.pop("ResponseMetadata", None)
    if command.outfile:
        [stream] = [name for name, member in answer.items() if hasattr(member, "read")]
        command.outfile.write_bytes(answer.pop(stream).read())
    found = jmespath.search(command.query, answer)
    if command.output == "text":
        return "".join(f"{line}\n" for line in _text(found))
    return json.dumps(found, indent=4, default=str) + "\n"


@cache
def _operation(service: str, name: str) -> OperationModel:
    try:
        model = SESSION.get_service_model(service)
    except BotoCoreError as error:
        raise UsageError(str(error)) from error
    for each in model.operation_names:
        if _option(each) == name:
            return model.operation_model(each)
    raise UsageError(f"aws {service} has no operation {name}")


def _waiter(service: str, name: str) -> SingleWaiterConfig:
    waiters = SESSION.get_waiter_model(service)
    for each in waiters.waiter_names:
        if _option(each) == name:
            return waiters.get_waiter(each)
    raise UsageError(f"aws {service} wait has no {name}")


def _option(name: str) -> str:
    return xform_name(name, "-")


def _options(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Options with the values that follow each."""
    found: list[tuple[str, list[str]]] = []
    for argument in arguments:
        if argument.startswith("--"):
            found.append((argument.removeprefix("--"), []))
        elif not found:
            raise UsageError(f"{argument} belongs to no option")
        else:
            found[-1][1].append(argument)
    return found


def _value(shape: Shape, values: list[str]) -> Any:
    if shape.type_name == "boolean" and not values:
        return True
    if shape.type_name == "list" and not values[0].startswith(("[", "file://")):
        return [_value(shape.member, [value]) for value in values]  # type: ignore[attr-defined]
    [value] = values
    if value.startswith("file://"):
        value = Path(value.removeprefix("file://")).read_text()
    if shape.type_name in SCALARS:
        return SCALARS[shape.type_name](value)
    try:
        return json.loads(value)
    except ValueError as error:
        raise UsageError(f"{value} is not JSON") from error


def _text(found: Any) -> list[str]:
    """Lists in lists are rows; the cells of a row are apart by tabs."""
    if not isinstance(found, list):
        return [_cell(found)]
    if any(isinstance(each, list) for each in found):
        return [line for each in found for line in _text(each)]
    return ["\t".join(map(_cell, found))] if found else []


def _cell(value: Any) -> str:
    return "None" if value is None else str(value)


def install(folder: Path) -> Path:
    """Make a folder with `aws`, for the PATH."""
    folder.mkdir()
    script = folder / "aws"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={PROJECT} exec {sys.executable} -m {__name__} "$@"\n')
    script.chmod(0o755)
    return folder


def main() -> int:
    """Entry point; returns the exit code."""
    try:
        sys.stdout.write(run(parse(sys.argv[1:])))
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return USAGE
    except (ClientError, BotoCoreError) as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
