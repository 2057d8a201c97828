"""One deployed system for all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.system import FAST, System, deployed


@pytest.fixture(scope="session")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with deployed(tmp_path_factory.mktemp("system") / "emulator.log", FAST) as system:
        yield system


@pytest.fixture
def system(running_system: System) -> Iterator[System]:
    """The system without faults, left without any."""
    yield running_system
    running_system.settle_faults()
