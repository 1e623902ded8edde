"""docs/simulator.md tells the truth: its table is the code's, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from anyvideo.testing.simulator import FAULTS

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


def fault_rows() -> list[str]:
    """The table as the code would write it."""
    rows = []
    for name, spec in FAULTS.items():
        takes = ", ".join(f"`{param}`: {kind}" for param, kind in spec.params.items())
        rows.append(f"| `{name}` | {spec.stage} | {takes} | {spec.says} |")
    return rows


def test_the_table_of_faults_is_complete_and_current() -> None:
    text = PAGE.read_text()
    table = text.partition("| fault | stage |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [re.sub(r" +", " ", row) for row in table] == [re.sub(r" +", " ", row) for row in fault_rows()]


def test_the_example_runs() -> None:
    pytest.importorskip("anyvideo_runway.simulator")
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(example, str(PAGE), "exec"), {})
