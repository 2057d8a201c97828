"""`python -m ops.release`: build what is deployed to AWS, into `build/`."""

from __future__ import annotations

import argparse
import sys
import zipfile

from ops.release.build import build
from ops.release.dependencies import WHEEL_PLATFORMS
from ops.tree import PROJECT


def main() -> None:
    """Build for AWS and print where it is and how large."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--architecture", choices=sorted(WHEEL_PLATFORMS), default="arm64")
    artifact = build("aws", parser.parse_args().architecture)
    with zipfile.ZipFile(artifact.functions_zip) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    packed = artifact.functions_zip.stat().st_size
    sizes = f"functions.zip {packed / 2**20:.2f} MiB, {unpacked / 2**20:.2f} MiB unpacked"
    where = artifact.directory.relative_to(PROJECT)
    sys.stdout.write(f"{where}  {artifact.prefix}  {sizes}\n")


if __name__ == "__main__":
    main()
