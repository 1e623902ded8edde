from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from anyvideo import PluginError, Plugins
from anyvideo.provider import Recovery

Good = Callable[[str], str]


def names(plugins: Plugins) -> list[str]:
    return [plugin.name for plugin in plugins.all]


def test_the_installed_providers_are_found_with_their_distributions() -> None:
    plugins = Plugins.discover()
    assert {"luma", "replicate", "runway", "local"} <= set(names(plugins))
    assert plugins.distribution("luma") == "anyvideo-luma"
    assert plugins.version("luma")
    assert not plugins.broken


def test_a_stand_in_comes_after_everything_else() -> None:
    stands_in = [plugin.stand_in for plugin in Plugins.discover().all]
    assert stands_in == sorted(stands_in)
    assert stands_in[-1]


def test_the_specs_are_those_of_all_providers() -> None:
    plugins = Plugins.discover()
    assert {spec.provider for spec in plugins.specs()} == set(names(plugins))


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        (
            "from anyvideo.provider import hookimpl\n@hookimpl\ndef anyvideo_providers(): return 5",
            "must return a list of ProviderPlugin",
        ),
        (
            "from anyvideo.provider import hookimpl\n@hookimpl\ndef anyvideo_providers(): return ['x']",
            "must return a list of ProviderPlugin",
        ),
        (
            "from anyvideo.provider import hookimpl\n@hookimpl\ndef anyvideo_providers(): return 1 / 0",
            "ZeroDivisionError",
        ),
        (
            "from anyvideo.provider import hookimpl\n@hookimpl\ndef anyvideo_on_evnt(event): pass",
            "anyvideo_on_evnt",
        ),
        (
            "from anyvideo.provider import hookimpl\n@hookimpl\ndef anyvideo_on_event(happening): pass",
            "happening",
        ),
    ],
)
def test_a_broken_plugin_fails_alone_and_says_why(
    install: Any, good: Good, source: str, problem: str
) -> None:
    entries = install("video-broken", source, entry="broken") + install(
        "video-fine", good("fine"), entry="fine"
    )
    plugins = Plugins.discover(entries)
    assert names(plugins) == ["fine"]
    (broken,) = plugins.broken
    assert (broken.name, broken.distribution, broken.version) == ("broken", "video-broken", "1.2")
    assert problem in broken.problem
    with pytest.raises(PluginError, match="'broken' is broken") as caught:
        plugins.get("broken")
    assert problem in caught.value.message


@pytest.mark.parametrize("kind", ["client_id", "replay", "Listing", None, []])
def test_a_recovery_that_nothing_does_is_refused(kind: Any) -> None:
    with pytest.raises(PluginError, match="listing, tag, nothing, in_process") as caught:
        Recovery(kind=kind)
    assert caught.value.field == "recovery"


def test_a_plugin_that_declares_such_a_recovery_is_broken(install: Any, good: Good) -> None:
    source = good("kite").replace('kind="nothing"', 'kind="replay"')
    (broken,) = Plugins.discover(install("video-kite", source, entry="kite")).broken
    assert "a lost submit cannot be found again by 'replay'" in broken.problem


def test_a_clash_of_names_names_both_distributions(install: Any, good: Good) -> None:
    entries = install("video-one", good("acme"), entry="acme") + install(
        "video-two", good("acme"), entry="acme"
    )
    plugins = Plugins.discover(entries)
    assert plugins.distribution("acme") == "video-one"
    (second,) = plugins.broken
    assert second.distribution == "video-two"
    assert "video-one 1.2 and video-two 1.2" in second.problem
    assert plugins.get("acme").name == "acme"


def test_the_second_of_a_clash_hooks_into_nothing(install: Any, good: Good) -> None:
    listener = "\nheard = []\n@hookimpl\ndef anyvideo_on_event(event): heard.append(event)\n"
    entries = install("video-one", good("acme") + listener, entry="acme")
    entries += install("video-two", good("acme") + listener, entry="acme")
    Plugins.discover(entries).tell("ended")  # type: ignore[arg-type]
    assert sys.modules["video_one_plugin"].heard == ["ended"]
    assert sys.modules["video_two_plugin"].heard == []


def test_a_list_that_lets_no_installed_plugin_in_says_which_there_are(install: Any, good: Good) -> None:
    entries = [*install("anyvideo-acme", good("acme"), entry="acme")]
    with pytest.raises(PluginError, match="nosuch") as caught:
        Plugins.discover(entries, allowed=["nosuch"])
    assert caught.value.field == "plugins"
    assert "acme" in (caught.value.hint or "")
    assert "ANYVIDEO_PLUGINS" in (caught.value.hint or "")


def test_only_allowed_plugins_are_imported(install: Any, good: Good) -> None:
    entries = install("video-one", good("one"), entry="one") + install("video-two", good("two"), entry="two")
    plugins = Plugins.discover(entries, allowed=("two",))
    assert names(plugins) == ["two"]
    assert "video_one_plugin" not in sys.modules
    assert not plugins.broken


def test_an_unknown_provider_names_the_extra_to_install() -> None:
    with pytest.raises(PluginError) as caught:
        Plugins.discover().get("lumma")
    assert caught.value.hint == "pip install \"anyvideo[lumma]\" or did you mean 'luma'?"


def test_providers_can_be_given_in_code() -> None:
    luma = Plugins.discover().get("luma")
    plugins = Plugins.of(luma)
    assert plugins.get("luma") is luma
    assert plugins.distribution("luma") is None
    with pytest.raises(PluginError, match="two plugins bring a provider called 'luma'"):
        Plugins.of(luma, luma)


def test_facts_that_contradict_themselves_are_refused() -> None:
    luma = Plugins.discover().get("luma")
    for wrong in (replace(luma, name="Luma"), replace(luma, name="sol"), replace(luma, vendor="someone")):
        with pytest.raises(PluginError):
            Plugins.of(wrong)


def test_importing_anyvideo_runs_no_plugin() -> None:
    code = (
        "import anyvideo, anyvideo.plugins, sys;"
        "print([name for name in sys.modules if name.startswith('anyvideo_')])"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ
    )
    assert answer.stdout.strip() == "[]"
