"""`python -m ci.emulator --port N`: serve the embedded AWS until it is told to stop."""

import argparse
import json
import os
import socket
import sys
from pathlib import Path

from ci.emulator.process import Emulator, StartError
from ci.emulator.server import PortInUseError, listen, serve

NOT_STARTED, PORT_TAKEN = 1, 3
"""Exit codes."""


def main() -> int:
    """Parse the command line and serve, here or in the background."""
    parser = argparse.ArgumentParser(prog="python -m ci.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="TCP port on 127.0.0.1; 0 takes any free one")
    parser.add_argument(
        "--socket", type=int, help="file descriptor of a socket that listens, instead of a port"
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
            started = Emulator.start(arguments.log, port=arguments.port, outlives_caller=True)
            print(json.dumps({"port": started.port, "pid": started.control.health()["pid"]}))  # noqa: T201 - a command's answer
            return 0
        sock = listen(arguments.port) if arguments.socket is None else socket.socket(fileno=arguments.socket)
        serve(sock, arguments.parent)
    except PortInUseError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return PORT_TAKEN
    except StartError as error:
        print(error, file=sys.stderr)  # noqa: T201
    return NOT_STARTED


if __name__ == "__main__":
    sys.exit(main())
