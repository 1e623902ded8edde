"""The generated lists of this project's own pages and checks."""

from __future__ import annotations

import ast
from pathlib import Path

from _markdown import table

HERE = Path(__file__).parent

ABOUT = {
    "quickstart.md": "from nothing to a first clip",
    "planning.md": "routes, changes, prices, all declared models",
    "settings.md": "`anyvideo.toml`, `.env`, variables, profiles, routes, budgets, prices of your own",
    "client.md": "every method, argument and event",
    "cli.md": "every command, option, exit code and JSON document",
    "batches.md": "many clips within one budget",
    "media.md": "uploads, private storage, downloads, file names",
    "hooks.md": "moderation before buying, a virus scan before delivery",
    "safety.md": "four promises, what they rest on, what remains",
    "statuses.md": "states, vendors' words, cancel and recovery",
    "errors.md": "every error, and what follows it",
    "testing.md": "your application without network; cassettes",
    "simulator.md": "the vendors' APIs on this machine, with faults and a ledger",
    "providers.md": "from the scaffold to the suite that proves it",
    "decisions.md": "what was decided while building, and why",
}
"""Half a line on each page, in the order in which somebody would read them."""


def index(folder: str) -> str:
    """Every page with half a line, linked from a page above `folder`."""
    found = {page.name for page in HERE.glob("*.md")} - {"README.md"}
    assert found == ABOUT.keys(), f"pages and ABOUT differ: {sorted(found ^ ABOUT.keys())}"
    titles = {name: (HERE / name).read_text("utf-8").partition("\n")[0].lstrip("# ") for name in ABOUT}
    return "\n".join(f"- [{titles[name]}]({folder}{name}): {about}" for name, about in ABOUT.items())


def sessions() -> str:
    """Every session of nox with the first line of its docstring."""
    functions = [
        node
        for node in ast.parse((HERE.parent / "noxfile.py").read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef)
        and any("nox.session" in ast.unparse(mark) for mark in node.decorator_list)
    ]
    rows = [(f"`{one.name}`", _first_line(one).replace("``", "`")) for one in functions]
    return table(("session", "what it does"), rows)


def _first_line(function: ast.FunctionDef) -> str:
    return (ast.get_docstring(function) or "").partition("\n")[0]
