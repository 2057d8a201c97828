"""The DMARC record of a domain, which only the DNS can tell."""

from __future__ import annotations

import re
import shutil
import subprocess

from ops.preflight.findings import Unseen

TIMEOUT_SECONDS = 10


def dmarc_record(domain: str) -> str | Unseen | None:
    """The DMARC record that holds for a domain: its own, or else of the nearest domain above it.

    https://www.rfc-editor.org/rfc/rfc7489#section-6.6.3. Looked up with `dig`: Python's standard library
    resolves addresses only.

    Returns
    -------
    str, Unseen or None
        None if the DNS says that there is none.
    """
    if not (dig := shutil.which("dig")):
        return Unseen("There is no `dig` on this machine to look the record up.")
    labels = domain.split(".")
    for first in range(max(len(labels) - 1, 1)):
        name = f"_dmarc.{'.'.join(labels[first:])}"
        try:
            done = subprocess.run(
                [dig, "+noall", "+comments", "+answer", "TXT", name],
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Unseen("The DNS does not answer.")
        answer = read(done.stdout)
        if answer is not None:
            return answer
    return None


def read(printed: str) -> str | Unseen | None:
    """The DMARC record in what `dig` has printed; None if the DNS says that the name has none."""
    status = re.search(r"status: (\w+)", printed)
    if status is None or status[1] not in ("NOERROR", "NXDOMAIN"):
        return Unseen(f"The DNS does not answer{f' ({status[1]})' if status else ''}.")
    for line in printed.splitlines():
        text = "".join(re.findall(r'"([^"]*)"', line))
        if not line.startswith(";") and text.startswith("v=DMARC1"):
            return text
    return None
