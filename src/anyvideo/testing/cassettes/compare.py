"""Two recordings of the same exchanges, side by side, without what differs every time.

`python -m anyvideo.testing.cassettes.compare BEFORE AFTER` shows the difference; 1 says that there is one.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d|%2B\d\d%3A\d\d)?")
_SHORTEST_ID: Final = 12


def differences(before: Path, after: Path) -> Iterator[str]:
    """The lines of a unified diff over all cassettes below two folders; none where they say the same.

    The first line (when it was recorded), moments and drawn ids do not count.
    """
    old, new = _cassettes(before), _cassettes(after)
    for name in sorted(old.keys() | new.keys()):
        yield from difflib.unified_diff(
            _settled(old.get(name, "")),
            _settled(new.get(name, "")),
            f"{before}/{name}",
            f"{after}/{name}",
            lineterm="",
        )


def _cassettes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.yaml")
    }


def _settled(text: str) -> list[str]:
    """The lines of a cassette without what differs every time."""
    import yaml

    document = yaml.safe_load(text)
    ids = dict.fromkeys(_ids(document, ""))
    for number, drawn in enumerate(ids, 1):
        text = text.replace(drawn, f"id-{number}")
    _, _, rest = text.partition("\n")
    return _MOMENT.sub("moment", rest).splitlines()


def _ids(value: Any, name: str) -> Iterator[str]:
    """The ids that answers hold, in their order."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _ids(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _ids(item, name)
    elif isinstance(value, str) and name.lower().endswith("id") and len(value) >= _SHORTEST_ID:
        yield value


def main(before: str, after: str) -> int:
    """Write the difference to stdout; the exit status says whether there is one."""
    lines = list(differences(Path(before), Path(after)))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
