"""`python -m ci.emulator --port N [--ready-file FILE]`: serve the embedded AWS until it is told to stop."""

import argparse
import sys
from pathlib import Path

from ci.emulator.server import PortInUseError, serve


def main() -> int:
    """Parse the command line and serve; returns 1 when the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m ci.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=4566, help="TCP port on 127.0.0.1; 0 takes any free one")
    parser.add_argument(
        "--ready-file", type=Path, help="written as JSON (port, pid) once requests are answered"
    )
    parser.add_argument(
        "--parent", type=int, help="process that started this one, and whose end also ends it"
    )
    arguments = parser.parse_args()
    try:
        serve(arguments.port, arguments.ready_file, arguments.parent)
    except PortInUseError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a command's answer
    return 1


if __name__ == "__main__":
    sys.exit(main())
