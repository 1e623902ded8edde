"""The pytest plugin: cassettes, simulators, fakes, and no network for the tests that use them.

It is loaded in every pytest run of an environment that has anyvideo, so it imports nothing but pytest.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from anyvideo.testing.modes import (
    ANYWHERE,
    KIT_FIXTURES,
    LOOPBACK,
    MARKER,
    NOWHERE,
    SIMULATORS,
    TAPE,
    mode_of,
)

if TYPE_CHECKING:
    from anyvideo.testing.cassettes.tape import Tape

pytest_plugins = ["anyvideo.testing.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options and settings."""
    group = parser.getgroup("anyvideo", "anyvideo: recorded and simulated video vendors")
    group.addoption(
        "--anyvideo-record",
        choices=("simulator", "live"),
        help="Record the cassettes anew, against the simulators or the real vendors. Default: replay.",
    )
    group.addoption(
        "--anyvideo-max-cost",
        metavar="DOLLARS",
        help="The most that a live recording may cost in all; it is refused without.",
    )
    group.addoption(
        "--anyvideo-cassettes",
        metavar="FOLDER",
        help="Where cassettes lie, over the setting anyvideo_cassettes.",
    )
    parser.addini("anyvideo_cassettes", "Where cassettes lie; default: `cassettes` beside each test file.")
    parser.addini(
        "anyvideo_block_network",
        "Which tests get no network: those that use this kit (`kit`), `all`, or `none`.",
        default="kit",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Raises UsageError for a live recording without a cap."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(name=None, *, provider=None): replay this test's HTTP from a file; no network but for"
        " recording.",
    )
    if config.getini("anyvideo_block_network") not in ("kit", "all", "none"):
        raise pytest.UsageError("anyvideo_block_network must be kit, all or none")
    if config.getoption("--anyvideo-record") == "live":
        from anyvideo.testing.live import purse_of

        purse_of(config)
        if getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput"):
            raise pytest.UsageError("a live recording has one cap, so it runs in one process: without -n")
    if not any(config.pluginmanager.hasplugin(other) for other in ("django", "flask")):
        from anyvideo.testing import fixtures_short

        config.pluginmanager.register(fixtures_short, "anyvideo-short")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the network from tests; pytest-recording's own marker says otherwise where it is given."""
    wanted = config.getini("anyvideo_block_network")
    if wanted == "none" or not config.pluginmanager.hasplugin("recording"):
        return
    for item in items:
        allowed = _allowed(item)
        if (allowed is not None or wanted == "all") and item.get_closest_marker("block_network") is None:
            item.add_marker(pytest.mark.block_network(allowed_hosts=[allowed or NOWHERE]))


def _allowed(item: pytest.Item) -> str | None:
    """Which hosts a test that uses the kit may reach, as a pattern; None for the others."""
    used = KIT_FIXTURES.intersection(getattr(item, "fixturenames", ()))
    match mode_of(item):
        case "replay":
            return NOWHERE
        case "simulator":
            return LOOPBACK
        case "live":
            return ANYWHERE
    if not used:
        return None
    return LOOPBACK if used & SIMULATORS else NOWHERE


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Fail a test whose cassette does not fit it, in words that say what to do."""
    tape = item.stash.get(TAPE, None)
    if tape is None:
        return (yield)
    try:
        result = yield
    except BaseException:
        tape.discarded = True
        if tape.misses:
            raise pytest.fail.Exception(_missing(tape), pytrace=False) from None
        raise
    _check(tape)
    return result


def _check(tape: Tape) -> None:
    if tape.misses:
        pytest.fail(_missing(tape), pytrace=False)
    if not tape.replaying and not tape.data:
        tape.discarded = True
        pytest.fail(
            "nothing was recorded: this test sent nothing over HTTP; remove its marker", pytrace=False
        )
    unplayed = tape.unplayed() if tape.replaying else []
    if unplayed:
        pytest.fail(
            f"{len(unplayed)} of the {len(tape.data)} exchanges in {tape.path} were not asked for:"
            f" {', '.join(unplayed)}. The code sends less than when it was recorded: correct it, or record"
            " anew with --anyvideo-record=simulator and look at the difference.",
            pytrace=False,
        )


def _missing(tape: Tape) -> str:
    return (
        f"{tape.misses[0]} is not in {tape.path}, or was played already. The code sends something else than"
        " when it was recorded: correct it, or record anew with --anyvideo-record=simulator and look at the"
        " difference."
    )
