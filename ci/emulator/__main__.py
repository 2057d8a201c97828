"""`python -m ci.emulator --port N`: serve the embedded AWS until it is told to stop."""

import argparse
import json
import os
import sys
from pathlib import Path

from ci.emulator.server import PortInUseError, StartError, serve, start

NOT_STARTED, PORT_TAKEN = 1, 3
"""Exit codes."""


def main() -> int:
    """Parse the command line and serve, here or in the background."""
    parser = argparse.ArgumentParser(prog="python -m ci.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="TCP port on 127.0.0.1; 0 takes any free one")
    parser.add_argument(
        "--ready-file", type=Path, help="written as JSON (port, pid) once requests are answered"
    )
    parser.add_argument(
        "--parent", type=int, help="process that started this one, and whose end also ends it"
    )
    parser.add_argument(
        "--background",
        action="store_true",
        help="serve in a process of its own; once requests are answered, print port and pid as JSON and end",
    )
    parser.add_argument("--log", type=Path, default=os.devnull, help="appended to in the background")
    arguments = parser.parse_args()
    try:
        if arguments.background:
            started = start(arguments.port or None, arguments.log, outlives_caller=True)
            print(json.dumps({"port": started.port, "pid": started.pid}))  # noqa: T201 - a command's answer
            return 0
        serve(arguments.port, arguments.ready_file, arguments.parent)
    except PortInUseError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return PORT_TAKEN
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201
    return NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
