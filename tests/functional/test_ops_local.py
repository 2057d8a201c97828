"""The local emulator is started once, found again, noticed when it has died, and stopped."""

from __future__ import annotations

import io
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from ops import emulator, local
from ops.deploying import deployment, stacks
from ops.deploying.environments import Target
from ops.emulator import Emulator, PortTakenError
from ops.errors import CheckoutMissingError, EmulatorError
from ops.output import Progress

FAKE = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "ok", "pid": os.getpid()}).encode())

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", int(sys.argv[1])), Health)
print(server.server_port, flush=True)
server.serve_forever()
"""


class Machine:
    """This machine with processes that answer as emulators do, and a stack that is as a test says."""

    def __init__(self) -> None:
        self.processes: list[subprocess.Popen[Any]] = []
        self.busy_ports: set[int] = set()
        self.deployed_to: list[str] = []
        self.stack_status: str | None = "CREATE_COMPLETE"
        self.said = io.StringIO()
        self.progress = Progress(Console(file=self.said, width=200))

    def start(self, port: int | None, log: Path) -> Emulator:
        if port in self.busy_ports:
            raise PortTakenError(f"Port {port} is taken.", "Choose another one.")
        process = subprocess.Popen(
            [sys.executable, "-c", FAKE, str(port or 0)], stdout=subprocess.PIPE, text=True
        )
        self.processes.append(process)
        assert process.stdout is not None
        return Emulator(int(process.stdout.readline()), process.pid)

    def deploy(self, to: Target, stack: str, operator: object, progress: Progress) -> None:
        assert (to.environment.name, stack) == ("local", "root")
        self.deployed_to.append(to.aws.client_options["endpoint_url"])

    def find_stack(self, client: Any, stack_name: str) -> dict[str, Any] | None:
        return {"StackStatus": self.stack_status} if self.stack_status else None

    def running(self) -> list[int]:
        return [process.pid for process in self.processes if process.poll() is None]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as program:
        return int(program.getsockname()[1])


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    made = Machine()
    monkeypatch.setattr(local, "FOLDER", tmp_path)
    monkeypatch.setattr(deployment, "deploy", made.deploy)
    monkeypatch.setattr(local, "DEFAULT_PORT", free_port())
    monkeypatch.setattr(emulator, "start", made.start)
    monkeypatch.setattr(emulator, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(stacks, "find_stack", made.find_stack)
    yield made
    for process in made.processes:
        process.kill()
        process.communicate()


def state() -> dict[str, Any]:
    return json.loads((local.FOLDER / "state.json").read_text())


def test_up_starts_an_emulator_deploys_on_it_and_notes_both(machine: Machine) -> None:
    environment = local.up(None, machine.progress)
    endpoint = f"http://127.0.0.1:{local.DEFAULT_PORT}"
    assert environment.endpoint_url == endpoint
    assert machine.deployed_to == [endpoint]
    assert state() == {"pid": machine.processes[0].pid, "port": local.DEFAULT_PORT, "endpoint": endpoint}


def test_up_deploys_on_the_same_emulator_when_it_runs_already(machine: Machine) -> None:
    port = free_port()
    local.up(port, machine.progress)
    local.up(None, machine.progress)
    assert len(machine.processes) == 1
    assert machine.deployed_to == [f"http://127.0.0.1:{port}"] * 2


def test_up_asks_for_down_when_it_runs_already_on_another_port(machine: Machine) -> None:
    port = free_port()
    local.up(port, machine.progress)
    with pytest.raises(EmulatorError, match=f"port {port}") as refusal:
        local.up(port + 1, machine.progress)
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
    port = free_port()
    machine.busy_ports = {port}
    with pytest.raises(EmulatorError, match=f"Port {port} is taken by another program") as refusal:
        local.up(port, machine.progress)
    assert f"--port {port + 1}" in refusal.value.next_step
    assert not (local.FOLDER / "state.json").exists()


def test_up_names_down_when_an_emulator_that_is_not_noted_listens(
    machine: Machine,
) -> None:
    machine.start(local.DEFAULT_PORT, local.FOLDER)
    machine.busy_ports = {local.DEFAULT_PORT}
    with pytest.raises(EmulatorError, match="taken by an emulator") as refusal:
        local.up(None, machine.progress)
    assert "notify local down" in refusal.value.next_step


def test_up_takes_any_port_when_it_may(machine: Machine) -> None:
    machine.busy_ports = {local.DEFAULT_PORT}
    environment = local.up(None, machine.progress, any_free_port=True)
    assert environment.emulator.port != local.DEFAULT_PORT
    assert environment.emulator.is_running()


def test_down_stops_the_emulator_and_forgets_it(machine: Machine) -> None:
    local.up(None, machine.progress)
    local.get().down()
    machine.processes[0].wait(timeout=20)
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


def test_silent_emulator_is_found_and_stopped(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = local.up(None, machine.progress)
    monkeypatch.setattr(emulator, "STOP_SECONDS", 0.5)
    machine.processes[0].send_signal(signal.SIGSTOP)
    assert local.get().emulator == environment.emulator
    environment.down()
    assert machine.processes[0].wait(timeout=20) == -signal.SIGKILL


def test_nothing_is_found_when_the_port_belongs_to_an_emulator_of_another_tree(machine: Machine) -> None:
    local.up(None, machine.progress)
    other = machine.start(None, local.FOLDER)
    (local.FOLDER / "state.json").write_text(json.dumps(state() | {"port": other.port}))
    assert local.find() is None
    assert len(machine.running()) == 2, "and both are left alone"


def test_up_says_what_is_missing_outside_of_a_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(emulator, "IS_CHECKOUT", False)
    with pytest.raises(CheckoutMissingError, match="checkout: make setup"):
        emulator.start(None, tmp_path / "emulator.log")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": 1}', "null"])
def test_nothing_is_found_when_the_note_is_damaged(machine: Machine, content: str) -> None:
    (local.FOLDER / "state.json").write_text(content)
    assert local.find() is None
    assert not (local.FOLDER / "state.json").exists()
