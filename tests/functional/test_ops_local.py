"""The local emulator is started once, found again, noticed when it has died, and stopped."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ci.emulator import server
from ci.emulator.server import Emulator
from ops import local
from ops.errors import EmulatorError
from ops.output import Progress


class Machine:
    """This machine with processes that look like emulators, and a stack that is as a test says."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self.busy_ports: set[int] = set()
        self.deployed_to: list[str] = []
        self.stack_status: str | None = "CREATE_COMPLETE"
        self.said = io.StringIO()
        self.progress = Progress(Console(file=self.said, width=200))

    def start(self, port: int | None, log_path: Path, *, outlives_caller: bool) -> Emulator:
        assert outlives_caller
        if port in self.busy_ports:
            raise server.PortInUseError(f"Port {port} is taken")
        look = [sys.executable, "-c", "import time; time.sleep(300)", "ci.emulator"]
        process = subprocess.Popen(look)
        self.processes.append(process)
        return Emulator(port or 50_000, process.pid, log_path, process)

    def deploy(self, clients: Any, progress: Progress) -> None:
        self.deployed_to.append(clients.client_options["endpoint_url"])

    def find_stack(self, client: Any, stack_name: str) -> dict[str, Any] | None:
        return {"StackStatus": self.stack_status} if self.stack_status else None

    def running(self) -> list[int]:
        return [process.pid for process in self.processes if process.poll() is None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    made = Machine()
    monkeypatch.setattr(local, "FOLDER", tmp_path)
    monkeypatch.setattr(local, "_deploy", made.deploy)
    monkeypatch.setattr(local.server, "start", made.start)
    monkeypatch.setattr(local.deployment, "find_stack", made.find_stack)
    yield made
    for process in made.processes:
        process.kill()
        process.wait()


def state() -> dict[str, Any]:
    return json.loads((local.FOLDER / "state.json").read_text())


def test_up_starts_an_emulator_deploys_on_it_and_notes_both(machine: Machine) -> None:
    environment = local.up(None, machine.progress)
    assert environment.endpoint_url == "http://127.0.0.1:4566"
    assert machine.deployed_to == ["http://127.0.0.1:4566"]
    assert state() == {
        "pid": machine.processes[0].pid,
        "port": 4566,
        "endpoint": "http://127.0.0.1:4566",
    }


def test_up_deploys_on_the_same_emulator_when_it_runs_already(machine: Machine) -> None:
    local.up(50_123, machine.progress)
    local.up(None, machine.progress)
    assert len(machine.processes) == 1
    assert machine.deployed_to == ["http://127.0.0.1:50123"] * 2


def test_up_asks_for_down_when_it_runs_already_on_another_port(machine: Machine) -> None:
    local.up(50_123, machine.progress)
    with pytest.raises(EmulatorError, match="port 50123") as refusal:
        local.up(50_124, machine.progress)
    assert "notify local down" in refusal.value.next_step


def test_up_starts_anew_when_the_emulator_was_killed(machine: Machine) -> None:
    local.up(None, machine.progress)
    machine.processes[0].kill()
    machine.processes[0].wait()
    local.up(None, machine.progress)
    assert machine.running() == [machine.processes[1].pid] == [state()["pid"]]
    assert "has ended" in machine.said.getvalue()


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_up_starts_over_when_the_stack_is_beyond_an_update(machine: Machine, status: str) -> None:
    local.up(None, machine.progress)
    machine.stack_status = status
    local.up(None, machine.progress)
    assert machine.running() == [machine.processes[1].pid]
    assert "starting over" in machine.said.getvalue()


@pytest.mark.parametrize("status", [None, "UPDATE_ROLLBACK_COMPLETE", "CREATE_IN_PROGRESS"])
def test_up_keeps_the_emulator_when_the_stack_can_still_be_deployed(
    machine: Machine, status: str | None
) -> None:
    local.up(None, machine.progress)
    machine.stack_status = status
    local.up(None, machine.progress)
    assert len(machine.processes) == 1


def test_up_names_another_port_when_a_program_has_this_one(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as program:
        port = program.getsockname()[1]
    machine.busy_ports = {port}
    with pytest.raises(EmulatorError, match=f"Port {port} is taken by another program") as refusal:
        local.up(port, machine.progress)
    assert f"--port {port + 1}" in refusal.value.next_step
    assert not (local.FOLDER / "state.json").exists()


def test_up_names_down_when_an_emulator_that_is_not_noted_listens(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.busy_ports = {4566}
    monkeypatch.setattr(local.ControlClient, "health", lambda _: {"status": "ok"})
    with pytest.raises(EmulatorError, match="taken by an emulator") as refusal:
        local.up(None, machine.progress)
    assert "notify local down" in refusal.value.next_step


def test_up_takes_any_port_when_it_may(machine: Machine) -> None:
    machine.busy_ports = {4566}
    assert local.up(None, machine.progress, any_free_port=True).endpoint_url == "http://127.0.0.1:50000"


def test_down_stops_the_emulator_and_forgets_it(machine: Machine) -> None:
    local.up(None, machine.progress)
    local.get().down()
    assert machine.running() == []
    assert local.find() is None


def test_nothing_is_found_and_the_note_is_removed_when_the_emulator_was_killed(machine: Machine) -> None:
    local.up(None, machine.progress)
    machine.processes[0].kill()
    machine.processes[0].wait()
    with pytest.raises(EmulatorError, match="has ended without"):
        local.get()
    with pytest.raises(EmulatorError, match="is not running"):
        local.get()


def test_nothing_is_found_when_the_process_id_belongs_to_another_program(machine: Machine) -> None:
    local.up(None, machine.progress)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    machine.processes.append(other)
    (local.FOLDER / "state.json").write_text(json.dumps(state() | {"pid": other.pid}))
    assert local.find() is None
    assert other.poll() is None, "and it is left alone"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', "null"])
def test_nothing_is_found_when_the_note_is_damaged(machine: Machine, content: str) -> None:
    (local.FOLDER / "state.json").write_text(content)
    assert local.find() is None
    assert not (local.FOLDER / "state.json").exists()
