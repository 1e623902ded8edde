"""A virtual environment for each measured client, every version pinned, kept outside the repository."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
_LENT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
_PIP_TOO = ("HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


def default_cache() -> Path:
    """Where the environments lie when nobody says."""
    from platformdirs import user_cache_path

    return user_cache_path("anyvideo") / "benchmarks"


def python_of(name: str, cache: Path) -> Path:
    """The interpreter of a client's environment, made when it is missing or its pins have changed."""
    pins = HERE / "peers" / f"{name}.txt"
    stamp = f"{sys.version}\n{hashlib.sha256(pins.read_bytes()).hexdigest()}"
    folder = cache / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done = folder / "made-from"
    if done.exists() and done.read_text() == stamp:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    print(f"installing {name} …", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*pip, "--only-binary", ":all:", "-r", str(pins)], check=True, env=_for_pip())
    done.write_text(stamp)
    return python


def versions(name: str, *packages: str) -> str:
    """What a client's pins say of these packages."""
    lines = (HERE / "peers" / f"{name}.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    return ", ".join(f"{package} {pinned[package]}" for package in packages)


def run_driver(
    python: Path, driver: str, *arguments: str, env: Mapping[str, str], folder: Path, limit: float
) -> str:
    """The last line that a driver prints. It sees `env` and nothing of this shell's keys.

    Raises RuntimeError when it fails, subprocess.TimeoutExpired after `limit` seconds.
    """
    lent = {name: os.environ[name] for name in _LENT if name in os.environ}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [python, "-E", "-s", "-W", "ignore", HERE / "drivers" / driver, *arguments],
            env={**lent, "HOME": home, "NO_PROXY": "127.0.0.1", **env},
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{driver} failed: {done.stderr.strip()[-800:]}")
    return done.stdout.strip().splitlines()[-1]


def _for_pip() -> dict[str, str]:
    known = {*_LENT, *_PIP_TOO, *(name.lower() for name in _PIP_TOO)}
    return {name: text for name, text in os.environ.items() if name in known or name.startswith("PIP_")}
