"""The drills, on the demonstration's own environment, with the pages that they send their readers to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.emulator.process import Emulator
from ops import aws
from ops.deploying.stacks import find_stack, outputs_of
from tests.runbooks import pages
from tests.runbooks.operator import Reader, Terminal
from tests.runbooks.pages import DRILLS, Page
from tests.runbooks.site import Site
from tests.support import workspace as workspaces
from tests.support.system import PROJECT, System, wait_for
from tests.support.workspace import Workspace

SERVICE = "email-notifications-local"
NOBODY = Emulator(port=9)
"""The page starts the emulator, and says where it is."""


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """In a tree in which everything is installed."""
    folder = tmp_path / "tree"
    workspaces.copy(folder)
    (folder / "Makefile").write_text((PROJECT / "Makefile").read_text())
    for installed in (".venv", ".tools"):
        (folder / installed).symlink_to(PROJECT / installed)
    for made_from in ("pyproject.toml", "uv.lock", "ci/find-python"):
        os.utime(folder / made_from, (0, 0))
    terminal = Terminal(Workspace(folder, NOBODY), {})
    yield terminal
    terminal.paste("uv run notify local down")


def test_drills(terminal: Terminal) -> None:
    """From top to bottom, with the other pages where they are linked."""
    drill = Reader(DRILLS, terminal)
    for block in DRILLS.blocks("Prepare"):
        drill.paste(block)
    site = site_of(terminal)
    spike, order, waits, done = DRILLS.blocks("A bounce spike")
    drill.paste(spike)
    site.wait_for("BOUNCED", [f"BOUNCE-{n}" for n in range(101, 113)])
    assert_on(site, "bounce-rate-high", "emails-at-risk")
    drill.paste(order)
    bounces = Reader(Page(pages.FOLDER / "bounce-rate.md"), terminal)
    bounces.check()
    bounces.verify_says_no()
    bounces.act()
    bounces.verify_says_yes()
    drill.paste(waits)
    held = Reader(Page(pages.FOLDER / "sending-held.md"), terminal)
    held.check()
    wait_for("the order to wait", site.system.waiting)
    held.verify_says_no()
    held.act()
    held.verify_says_yes()
    site.wait_for("DELIVERED", ["GOOD-1"])
    assert "Delivered" in drill.paste(done)

    bad, good, done = DRILLS.blocks("A bad release of a publisher")
    drill.paste(bad)
    wait_for("the dead letters", lambda: site.system.waiting("SendDeadLetterQueueUrl") >= 12)
    assert_on(site, "dead-letters-present")
    runbook = Reader(Page(pages.FOLDER / "dead-letters.md"), terminal)
    assert "total" in runbook.check()[0]
    runbook.verify_says_no()
    drill.paste(good)
    runbook.act()
    runbook.verify_says_yes()
    site.assert_sent_once([f"RELEASE-{n}" for n in range(101, 113)])
    assert "Delivered" in drill.paste(done)

    for block in DRILLS.blocks("Afterwards"):
        drill.paste(block)
    drill.finish()


def site_of(terminal: Terminal) -> Site:
    """What runs where the page says that it does."""
    endpoint = terminal.paste("printf %s $AWS_ENDPOINT_URL").output
    emulator = Emulator(port=int(endpoint.rpartition(":")[2]))
    stack = find_stack(aws.local(endpoint).cloudformation, SERVICE)
    assert stack is not None
    return Site(terminal.workspace, System(emulator, outputs_of(stack)), SERVICE)


def assert_on(site: Site, *alarms: str) -> None:
    """The alarms are on within two minutes: here at once."""
    for alarm in alarms:
        site.wait_until_alarm(alarm)
