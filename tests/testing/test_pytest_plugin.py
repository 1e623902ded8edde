"""The plugin as its users meet it: pytest runs of their own, each in a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from anyvideo.testing.process import SimulatorProcess

pytest_plugins = ["pytester"]

NO_CACHE = ("-p", "no:cacheprovider", "-p", "no:xdist")
BOTH = """
    import anyio, pytest

    WISH = dict(duration=5, poll_interval=20)

    @pytest.mark.anyvideo_cassette("fox")
    def test_blocking(video_client):
        video = video_client(models="runway/gen4.5").generate("a fox", **WISH)
        assert video.duration == pytest.approx(5)

    @pytest.mark.anyvideo_cassette("fox")
    def test_async(async_video_client):
        async def main():
            async with async_video_client(models="runway/gen4.5") as client:
                return await client.generate("a fox", **WISH)
        assert anyio.run(main).duration == pytest.approx(5)
"""


def run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_subprocess(*NO_CACHE, *options)


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A cassette as both clients record it."""
    folder = tmp_path_factory.mktemp("recording")
    (folder / "test_fox.py").write_text(textwrap.dedent(BOTH))
    command = [sys.executable, "-m", "pytest", "-q", *NO_CACHE, "--anyvideo-record=simulator"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout
    return (folder / "cassettes" / "fox.yaml").read_text()


@pytest.fixture
def recorded(pytester: pytest.Pytester, recording: str) -> Path:
    """A test module with its one cassette for both clients."""
    pytester.makepyfile(test_fox=BOTH)
    path = pytester.mkdir("cassettes") / "fox.yaml"
    path.write_text(recording)
    return path


def test_one_recording_serves_both_clients(recorded: Path, pytester: pytest.Pytester) -> None:
    text = recorded.read_text()
    first, _, rest = text.partition("\n")
    assert first.startswith("# recorded against anyvideo's simulators, not a real vendor, on 20")
    assert rest.count("method: POST") == 1
    assert "127.0.0.1" not in text
    assert "authorization" not in text.lower()
    assert len(text) < 10_000, "the film is not in it"
    run(pytester).assert_outcomes(passed=2)


def test_what_was_recorded_and_is_not_asked_for_fails(recorded: Path, pytester: pytest.Pytester) -> None:
    extra = recorded.read_text().partition("interactions:\n")[2].replace("/v1/text_to_video", "/v1/forgotten")
    recorded.write_text(recorded.read_text() + extra[: extra.index("- request:", 5)])
    result = run(pytester)
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        ["*1 of the *were not asked for: POST /v1/forgotten*--anyvideo-record=simulator*"]
    )


def test_a_request_that_was_not_recorded_fails_and_says_which(
    recorded: Path, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_fox=BOTH.replace("a fox", "a wolf"))
    result = run(pytester, "-W", "error")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*POST /v1/text_to_video is not in *fox.yaml*--anyvideo-record=simulator*"])


def test_a_missing_cassette_says_how_to_record_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_fox=BOTH)
    result = run(pytester)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*there is no cassette *fox.yaml*--anyvideo-record=simulator*"])


def test_a_failed_test_records_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_fox=BOTH.replace("approx(5)", "approx(6)"))
    run(pytester, "--anyvideo-record=simulator").assert_outcomes(failed=2)
    assert not (pytester.path / "cassettes" / "fox.yaml").exists()


def test_the_codes_own_clients_replay_too(recorded: Path, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_fox="""
        import socket
        import pytest
        from anyvideo import Client

        @pytest.mark.anyvideo_cassette("fox")
        def test_application():
            with socket.socket() as line, pytest.raises(RuntimeError, match="Network is disabled"):
                line.connect(("127.0.0.1", 9))
            with Client() as client:
                options = dict(models="runway/gen4.5", duration=5, poll_interval=0.01)
                assert client.generate("a fox", **options).model == "runway/gen4.5"
    """
    )
    run(pytester).assert_outcomes(passed=1)


def test_folders_and_names_of_cassettes(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nanyvideo_cassettes = recorded\n")
    pytester.makepyfile(
        test_foxes="""
        import pytest

        @pytest.fixture(autouse=True)
        def tell(request):
            from anyvideo.testing.modes import cassette_path
            print("at", cassette_path(request.node).relative_to(request.config.rootpath).as_posix())

        @pytest.mark.anyvideo_cassette
        @pytest.mark.parametrize("colour", ["red/blue"])
        def test_it_runs(colour): ...

        @pytest.mark.anyvideo_cassette("swims", provider="acme")
        def test_it_swims(): ...

        class TestAcme:
            provider = "acme"

            @pytest.mark.anyvideo_cassette("digs.yaml")
            def test_it_digs(self): ...
    """
    )
    result = run(pytester)
    text = result.stdout.str()
    for path in ("foxes/it_runs-red-blue", "acme/swims", "acme/digs"):
        assert f"recorded/{path}.yaml" in text.replace(str(pytester.path) + "/", "")


def test_who_gets_a_network(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_network="""
        import socket, pytest

        def reach(host):
            with socket.socket() as line:
                line.settimeout(0.01)
                try:
                    line.connect((host, 9))
                except OSError:
                    return True
                except RuntimeError as error:
                    assert "Network is disabled" in str(error)
                    return False

        def test_without_the_kit():
            assert reach("127.0.0.1")

        def test_with_a_fake(fake_provider):
            assert not reach("127.0.0.1") and not reach("192.0.2.1")

        def test_with_simulators(simulator):
            assert reach("127.0.0.1") and not reach("192.0.2.1")

        @pytest.mark.block_network(allowed_hosts=["127"])
        def test_by_marker(fake_provider):
            assert reach("127.0.0.1") and not reach("192.0.2.1")
    """
    )
    run(pytester).assert_outcomes(passed=4)
    everywhere = run(pytester, "-o", "anyvideo_block_network=all", "-k", "without")
    everywhere.assert_outcomes(failed=1)
    run(pytester, "-o", "anyvideo_block_network=none", "-k", "fake").assert_outcomes(failed=1)


@pytest.mark.parametrize("cap", [(), ("--anyvideo-max-cost=0",), ("--anyvideo-max-cost=lots",)])
def test_live_recording_is_refused_without_a_cap(pytester: pytest.Pytester, cap: tuple[str, ...]) -> None:
    pytester.makepyfile(test_fox=BOTH)
    result = run(pytester, "--anyvideo-record=live", *cap)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*spends money*--anyvideo-max-cost=0.50*"])


@pytest.mark.usefixtures("simulator_process")
def test_a_live_run_stops_at_its_cap(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, simulator_process: SimulatorProcess
) -> None:
    """The simulators stand in for the vendors: a clip costs $0.60, the run may cost $1.00."""
    simulator_process.set_time(0.3)
    for name, value in simulator_process.env.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(
        test_live="""
        import pytest

        def buy(client):
            return client(models="runway/gen4.5").generate("a fox", duration=5, poll_interval=0.1)

        @pytest.mark.anyvideo_cassette("first")
        def test_first(video_client):
            assert str(buy(video_client).cost.amount) == "0.60"

        @pytest.mark.anyvideo_cassette("second")
        def test_second(video_client):
            buy(video_client)

        @pytest.mark.anyvideo_cassette("third")
        def test_without_the_capped_client(): ...
    """
    )
    result = run(pytester, "--anyvideo-record=live", "--anyvideo-max-cost=1.00")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*BudgetExceeded*"])
    result.stdout.fnmatch_lines(["*needs the cap of `video_client`*"])
    assert len(simulator_process.ledger()) == 1
    assert (
        (pytester.path / "cassettes" / "first.yaml")
        .read_text()
        .startswith("# recorded against the real vendor")
    )
    assert not (pytester.path / "cassettes" / "second.yaml").exists()


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import anyvideo.testing.pytest_plugin, anyvideo.testing.fixtures, anyvideo.testing.fixtures_short\n"
        "heavy = {'httpx', 'aiohttp', 'pydantic', 'vcr', 'yaml', 'starlette', 'uvicorn', 'av', 'PIL'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_examples_of_the_page_on_testing(pytester: pytest.Pytester) -> None:
    page = (Path(__file__).parents[2] / "docs" / "testing.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 4
    for number, block in enumerate(blocks):
        (pytester.path / f"test_{number}.py").write_text(block)
    backend = "import pytest\n\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
    (pytester.path / "conftest.py").write_text(backend)
    recorded = run(pytester, "--anyvideo-record=simulator")
    recorded.assert_outcomes(passed=16)
    run(pytester).assert_outcomes(passed=16)
