"""Fetch DynamoDB Local from Maven Central, start it, stop it.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.DownloadingAndRunning.html
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ci import cache

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
NEEDED_COMMANDS = ("java", "javac", "mvn")
STOP_TIMEOUT_SECONDS = 10.0


class StartError(RuntimeError):
    """DynamoDB Local could not be fetched or started; the message has the end of its log."""


def missing_commands() -> list[str]:
    """Which of the needed commands this machine lacks: a Java development kit (17 or later) and Maven."""
    return [command for command in NEEDED_COMMANDS if shutil.which(command) is None]


@contextmanager
def running(log_path: Path) -> Iterator[str]:
    """Run DynamoDB Local, empty and in memory; gives its endpoint URL.

    Parameters
    ----------
    log_path
        File that its log is appended to.

    Raises
    ------
    StartError
        It can't be fetched or does not start.
    """
    with log_path.open("ab") as log:
        libraries = _fetch(log_path)
        process = subprocess.Popen(
            [
                "java",
                f"-Djava.library.path={libraries}",
                # It serves for seconds: the optimising compiler would not pay.
                "-XX:TieredStopAtLevel=1",
                "-cp",
                f"{libraries}/*",
                str(HERE / "LoopbackServer.java"),
            ],
            env={**os.environ, "DDB_LOCAL_TELEMETRY": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
    assert process.stdin is not None  # noqa: S101 - for the type checker
    assert process.stdout is not None  # noqa: S101
    try:
        port = process.stdout.readline().strip().decode()
        if not port:
            raise StartError(f"DynamoDB Local did not start. {_end_of(log_path)}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fetch(log_path: Path) -> Path:
    """Return the folder with all libraries, which is filled once for each pom.xml."""
    kept = cache.folder()
    kept.mkdir(parents=True, exist_ok=True)
    libraries = kept / f"dynamodb-local-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    with (kept / "dynamodb-local.lock").open("w") as lock:
        # Maven's own cache is not made for several processes at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libraries.is_dir():
            _fetch_into(libraries, log_path)
    return libraries


def _fetch_into(libraries: Path, log_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=libraries.parent) as folder, log_path.open("ab") as log:
        draft = Path(folder) / "libraries"
        command = ["mvn", "--batch-mode", "--quiet", f"--file={POM}", f"-DoutputDirectory={draft}"]
        done = subprocess.run(
            [*command, "dependency:copy-dependencies"], stdout=log, stderr=subprocess.STDOUT, check=False
        )
        if done.returncode:
            raise StartError(f"Maven could not fetch DynamoDB Local. {_end_of(log_path)}")
        draft.rename(libraries)


def _end_of(log_path: Path, lines: int = 20) -> str:
    return f"The end of {log_path}:\n" + "\n".join(log_path.read_text(errors="replace").splitlines()[-lines:])
