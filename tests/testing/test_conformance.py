"""The suite itself: its rules are documented, its failures are advice, the example plugin passes it."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from anyvideo.provider import ProviderPlugin
from anyvideo.testing import ProviderConformance
from anyvideo.testing.conformance import RULES, RuleBroken
from anyvideo.testing.conformance.rules import PAGE, calmly, require

ROOT = Path(__file__).parents[2]
ECHO = ROOT / "docs" / "examples" / "anyvideo-echo" / "src"


class TestEcho(ProviderConformance):
    """The plugin of docs/examples."""

    @pytest.fixture
    def plugin(self, monkeypatch: pytest.MonkeyPatch) -> ProviderPlugin:
        monkeypatch.syspath_prepend(ECHO)
        (plugin,) = import_module("anyvideo_echo").anyvideo_providers()
        assert isinstance(plugin, ProviderPlugin)
        return plugin


def test_the_example_is_a_whole_plugin_in_under_60_lines() -> None:
    lines = (ECHO / "anyvideo_echo" / "__init__.py").read_text("utf-8").splitlines()
    assert len(lines) < 60


def test_every_rule_has_its_anchor_and_its_sentence() -> None:
    _, _, below = (ROOT / PAGE).read_text("utf-8").partition("\n## The rules\n")
    sections = re.findall(r"^### ([\w-]+)\n\n(.+)\n", below, re.MULTILINE)
    assert dict(sections) == dict(RULES)


def test_every_rule_is_checked_somewhere() -> None:
    suite = ROOT / "src" / "anyvideo" / "testing" / "conformance"
    code = "".join(path.read_text("utf-8") for path in suite.glob("*.py") if path.name != "rules.py")
    assert not [rule for rule in RULES if f'"{rule}"' not in code]


def test_a_failure_says_what_was_expected_and_where_the_rule_stands() -> None:
    with pytest.raises(RuleBroken) as caught:
        require(False, "one-post", expected="one POST", got="two")
    assert str(caught.value).splitlines() == [
        "expected: one POST",
        "     got: two",
        f"    rule: docs/providers.md#one-post: {RULES['one-post']}",
    ]


def test_what_a_provider_raises_is_told_and_kept_as_the_cause() -> None:
    with (
        pytest.raises(RuleBroken, match="got: KeyError: 'state'") as caught,
        calmly("life-cycle", expected="an update"),
    ):
        {}["state"]
    assert isinstance(caught.value.__cause__, KeyError)
