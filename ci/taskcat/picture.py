"""A picture of the page, by chromium where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH_PIXELS = 1440
TIMEOUT_SECONDS = 60
HEIGHT = re.compile(r'data-height="([0-9]+)"')
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
MEASURE = "<script>document.documentElement.dataset.height = document.documentElement.scrollHeight</script>"


def take(page: Path, picture: Path) -> str:
    """Take a picture of the whole page; returns what became of it, for people."""
    picture.unlink(missing_ok=True)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        return "no picture of it: chromium is not installed"
    with tempfile.TemporaryDirectory(prefix="picture-") as folder:
        measured = Path(folder) / "page.html"
        measured.write_text(page.read_text(encoding="utf-8") + MEASURE, encoding="utf-8")
        try:
            height = HEIGHT.search(_run(browser, folder, measured, "--dump-dom", height=100))
            _run(browser, folder, page, f"--screenshot={picture}", height=int(height[1]) if height else 2000)
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
            return f"no picture of it: {browser} failed ({error})"
    return f"{picture} is a picture of it"


def _run(browser: str, folder: str, page: Path, what: str, height: int) -> str:
    size = f"--window-size={WIDTH_PIXELS},{height}"
    return subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={folder}/profile", size, what, page.as_uri()],
        capture_output=True,
        check=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    ).stdout
