"""Where words go: results to stdout, everything else to stderr, both readable without a terminal."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table


def results() -> Console:
    """Stdout, for the one thing that was asked for. Eighty columns where there is no terminal."""
    return Console(highlight=False, markup=False, emoji=False)


def notes() -> Console:
    """Stderr, for progress, hints and errors. Lines are never wrapped, so that they can be searched."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def emit(document: Mapping[str, object] | Sequence[object], *, compact: bool = False) -> None:
    """Print one JSON document on stdout; `compact` keeps it on one line."""
    plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
    sys.stdout.write(json.dumps(document, indent=None if compact else 2, ensure_ascii=plain) + "\n")
    sys.stdout.flush()


def forgiving_streams() -> None:
    """A stream that cannot show a character shows a question mark: no result is lost to an encoding."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def is_terminal(stream: TextIO) -> bool:
    """Whether somebody watches."""
    return stream.isatty()


_AS_OPTIONS = {
    "allow_unpriced=True": "--allow-unpriced",
    'max_duplicate_cost="0.50"': "--max-duplicate-cost 0.50",
    'on_unknown="resubmit"': "--on-unknown resubmit",
    "what was delivered is in `result`": "what was delivered is saved",
}
"""What Python calls take, by what the command line has for it."""


def as_options(words: str) -> str:
    """Words of the library, as somebody at the command line can use them."""
    for python, option in _AS_OPTIONS.items():
        words = words.replace(python, option)
    return words


def somebody_answers() -> bool:
    """Whether a question can be asked: stdin and stderr are both a terminal."""
    return is_terminal(sys.stdin) and is_terminal(sys.stderr)


def agreed(question: str) -> bool:
    """Ask on stderr; anything but yes is no. Raises KeyboardInterrupt."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        sys.stderr.write("\n")
    return answer.strip().lower() in ("y", "yes")


def table(*columns: str, whole: Collection[str] = ()) -> Table:
    """A table with one line under the header; its columns fold, but for those in `whole`."""
    from rich import box

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in whole)
    return made
