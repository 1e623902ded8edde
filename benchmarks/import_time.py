"""What `import anyvideo` costs on top of starting Python, and what it must not load.

Whole processes are timed, one bare and one importing, in pairs, so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

BAR_MS = 50.0
HEAVY = (
    "aiohttp", "anyio", "asyncio", "av", "httpx", "httpx_aiohttp", "lumaai", "numpy", "PIL", "pluggy",
    "pydantic", "replicate", "rich", "runwayml", "socket", "sqlite3", "ssl", "starlette", "tenacity", "typer",
    "uvicorn",
)  # fmt: skip
IMPORT = "import anyvideo"
CLIENT = "from anyvideo import Client"
LOADED = f"""{IMPORT}, json, sys
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules] + [len(sys.modules)]))"""


def seconds(code: str) -> float:
    """How long a whole interpreter takes to run it."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=41)
    asked = parser.parse_args()
    for code in ("pass", IMPORT) * 2:  # compiles, and warms the page cache
        seconds(code)
    pairs = [(seconds("pass"), seconds(IMPORT)) for _ in range(asked.pairs)]
    bare, whole = (statistics.median(times) for times in zip(*pairs, strict=True))
    extra = 1000 * statistics.median(importing - alone for alone, importing in pairs)
    *loaded, modules = json.loads(subprocess.check_output([sys.executable, "-c", LOADED], text=True))
    first = 1000 * (statistics.median(seconds(CLIENT) for _ in range(5)) - bare)
    ok = extra <= BAR_MS and not loaded
    print(f"bare interpreter              {1000 * bare:6.1f} ms")
    print(f"with import anyvideo          {1000 * whole:6.1f} ms   {whole / bare:.2f} times bare")
    print(f"import anyvideo alone         {extra:6.1f} ms   bar {BAR_MS:g} ms, median of {asked.pairs} pairs")
    print(f"from anyvideo import Client   {first:6.1f} ms   no bar: the first name that needs the engine")
    print(
        f"modules loaded                {modules:6}      heavy ones among them: {', '.join(loaded) or 'none'}"
    )
    print("ok" if ok else "FAILED")
    sys.exit(not ok)


if __name__ == "__main__":
    main()
