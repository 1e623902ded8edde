"""How a provider is broken: one edit to what `anyvideo new-provider` writes; and its own test run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

PROVIDER = "src/anyvideo_acme/provider.py"
MODELS = "src/anyvideo_acme/models.toml"
CLASS_END = "    def failure(self, fields: object)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What is done to the plugin, and the rules of which one at least must be named."""

    name: str
    rules: tuple[str, ...]
    file: str
    old: str
    new: str


def edit(name: str, rules: str, old: str, new: str, *, file: str = PROVIDER) -> Mutation:
    return Mutation(name=name, rules=tuple(rules.split()), file=file, old=old, new=new)


def method(name: str, rules: str, code: str) -> Mutation:
    """A method more, or one of the base class done otherwise."""
    return edit(name, rules, CLASS_END, f"{indent(dedent(code).strip(), '    ')}\n\n{CLASS_END}")


SUBMIT = 'return HTTPRequest(method="POST", path="/videos", json={"model": order.spec.slug, **order.inputs})'
FETCH = 'return HTTPRequest(method="GET", path=f"/videos/{ref.job_id}")'
KEY = "self.context.key.get_secret_value()"


def broken_copy(plugin: Mapping[str, str], mutation: Mutation, folder: Path) -> None:
    """Write the plugin with the mutation in it."""
    for path, text in plugin.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if path == mutation.file:
            assert mutation.old in text, f"{mutation.name} does not fit the template any more"
            file.write_text(text.replace(mutation.old, mutation.new, 1), "utf-8")
        else:
            file.write_text(text, "utf-8")


def run_suite(folder: Path) -> tuple[int, str]:
    """The plugin's conformance test, as its author runs it."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--tb=short",
            "-p",
            "no:cacheprovider",
            "tests/test_conformance.py",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
