"""Everything this project checks about itself; ``nox -l`` lists it. Needs nothing but ``pip install nox``."""

from __future__ import annotations

import os
import shutil
import zipfile
from pathlib import Path

import nox

ROOT = Path(__file__).parent
PLUGINS = ("replicate", "runway", "luma", "local")
DISTRIBUTIONS = ("anyvideo", *(f"anyvideo_{name}" for name in PLUGINS))
CONSTRAINTS = ("-c", str(ROOT / "constraints.txt"))
FOREIGN_STARTS = ("ANYVIDEO_", "VIDEO_")
FOREIGN_ENDINGS = ("_API_KEY", "_API_SECRET", "_API_TOKEN", "_API_URL", "_BASE_URL", "_MODEL_VERSION")
TEST_TOOLS = ("hypothesis", "openapi-core", "pytest-xdist")
COVERAGE_FLOOR = 95  # per cent, branches included

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True
nox.options.sessions = ["tests", "lint", "typing", "layers"]


def prepare(session: nox.Session) -> None:
    """Keep out what a shell must not lend a check: real keys, own settings, a ban on .pyc files."""
    for name in os.environ.keys() - {"ANYVIDEO_WIRE"}:
        if name.startswith(FOREIGN_STARTS) or name.endswith(FOREIGN_ENDINGS):
            session.env[name] = None
    session.env.update(PYTHONDONTWRITEBYTECODE=None, PYTHONPATH=None, PIP_DISABLE_PIP_VERSION_CHECK="1")


def install_checkout(session: nox.Session, extras: str, *tools: str, editable: bool) -> None:
    """Install the core and the four plugins from this checkout, and the tools, in one pip command."""
    paths = [f"{ROOT}[{extras}]", *(str(ROOT / "providers" / name) for name in PLUGINS)]
    flagged = [part for path in paths for part in (("-e", path) if editable else (path,))]
    session.install(*CONSTRAINTS, *flagged, *tools)


@nox.session
def demo(session: nox.Session) -> None:
    """Run the demo: every provider simulated on this machine, no key, no money."""
    prepare(session)
    install_checkout(session, "cli,media,testing", editable=False)
    session.run("anyvideo", "demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the whole suite, offline; arguments after -- go to pytest instead."""
    prepare(session)
    install_checkout(session, "cli,media,s3,testing", *TEST_TOOLS, editable=True)
    session.run("pytest", *(session.posargs or ("-n", "3")))


@nox.session
def coverage(session: nox.Session) -> None:
    """Run the whole suite with branch coverage of the core and the plugins; slower than tests."""
    prepare(session)
    install_checkout(session, "cli,media,s3,testing", *TEST_TOOLS, "coverage", editable=True)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *(session.posargs or ("-n", "3")))
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report", f"--fail-under={COVERAGE_FLOOR}")


@nox.session
def cassettes(session: nox.Session) -> None:
    """Record every cassette anew against the simulators, show what differs, and look for secrets."""
    prepare(session)
    install_checkout(session, "cli,media,testing", editable=True)
    fresh = Path(session.create_tmp()).resolve() / "cassettes"
    shutil.rmtree(fresh, ignore_errors=True)
    files = sorted(map(str, ROOT.glob("providers/*/tests/test_cassettes.py")))
    session.run("pytest", "-q", "--anyvideo-record=simulator", f"--anyvideo-cassettes={fresh}", *files)
    session.run("python", "-m", "anyvideo.testing.cassettes.compare", "cassettes", str(fresh))
    session.run("anyvideo", "cassette", "check", "cassettes", str(fresh))


@nox.session
def mutations(session: nox.Session) -> None:
    """Break a new provider in every known way: the conformance suite must catch each and name its rule."""
    prepare(session)
    install_checkout(session, "cli,media,testing", "pytest-xdist", editable=True)
    session.env["MUTATIONS"] = "all"
    session.run("pytest", "-n", "2", "-q", *(session.posargs or ["tests/testing/test_mutations.py"]))


@nox.session
def faults(session: nox.Session) -> None:
    """Kill, stop and starve real processes: 1,200 kills, 96 stops, 20,000 schedules, 100 rushes on a budget.

    ANYVIDEO_FAULTS_SEED=… repeats a run; arguments after -- go to pytest.
    """
    prepare(session)
    install_checkout(session, "cli,media,s3,testing", *TEST_TOOLS, editable=True)
    paths = session.posargs or ("tests/faults", "tests/jobs")
    told = {name: value for name, value in os.environ.items() if name.startswith("ANYVIDEO_FAULTS_")}
    session.run("pytest", "-n", "2", "-rP", *paths, env={"ANYVIDEO_FAULTS_RUNS": "full", **told})


@nox.session
def batches(session: nox.Session) -> None:
    """Run batches through storms of faults and kills: 2,000 and 600 clips, 25 kills of a 20-clip batch."""
    prepare(session)
    install_checkout(session, "cli,media,testing", editable=True)
    paths = ("tests/client/test_batch_storms.py", "tests/e2e/test_batches.py")
    session.run("pytest", *(session.posargs or paths), env={"ANYVIDEO_FAULTS_RUNS": "full"})


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and formatting; ``nox -s lint -- --fix`` mends what can be mended."""
    prepare(session)
    session.install(*CONSTRAINTS, "ruff")
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix")
        session.run("ruff", "format")
        return
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check types: mypy strictly on everything shipped, pyright on the core and on how users call it."""
    prepare(session)
    install_checkout(session, "cli,media,s3,testing", "mypy", "pyright[nodejs]", editable=True)
    session.run("mypy")
    session.run("pyright", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session
def layers(session: nox.Session) -> None:
    """Check that imports go one way and that only ``net`` touches a socket."""
    prepare(session)
    session.install(*CONSTRAINTS, "import-linter")
    sources = [ROOT / "src", *(ROOT / "providers" / name / "src" for name in PLUGINS)]
    session.run("lint-imports", env={"PYTHONPATH": os.pathsep.join(map(str, sources))})


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with named peers: charges under lost answers, import time, submits, downloads, time of a test.

    ``nox -s bench -- submits --rounds 3`` runs one of them, with its own arguments.
    """
    prepare(session)
    install_checkout(session, "media,testing", "brotli", "zstandard", editable=False)
    names = ("import_time", "fake_provider", "submits", "download", "charges")
    chosen, arguments = (session.posargs[:1], session.posargs[1:]) if session.posargs else (names, [])
    cache = ("--cache", str(Path(session.cache_dir).resolve() / "bench"))
    for name in chosen:
        script = str(ROOT / "benchmarks" / f"{name}.py")
        session.run("python", script, *(cache if name == "charges" else ()), *arguments)


def check_wheel(session: nox.Session, wheel: Path) -> None:
    package = wheel.name.split("-")[0]
    names = zipfile.ZipFile(wheel).namelist()
    strays = [
        n for n in names if not n.startswith((f"{package}/", f"{package}-0")) or n.endswith((".pth", ".pyc"))
    ]
    wanted = {f"{package}/__init__.py", f"{package}/py.typed"}
    if package != "anyvideo":
        wanted |= {f"{package}/models.toml"}
    if strays or wanted - set(names):
        session.error(f"{wheel.name}: strays {strays}, missing {sorted(wanted - set(names))}")
    session.log(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size // 1024} KiB")


@nox.session(reuse_venv=False)
def wheels(session: nox.Session) -> None:
    """Build the five wheels, install them into an empty environment and use them as a stranger would."""
    prepare(session)
    scratch = Path(session.create_tmp()).resolve()
    built = scratch / "wheels"
    for old in built.glob("*.whl"):
        old.unlink()
    sources = [str(ROOT), *(str(ROOT / "providers" / name) for name in PLUGINS)]
    session.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(built), *sources)
    found = sorted(built.glob("*.whl"))
    if {wheel.name.split("-")[0] for wheel in found} != set(DISTRIBUTIONS):
        session.error(f"expected one wheel each of {DISTRIBUTIONS}, got {[w.name for w in found]}")
    for wheel in found:
        check_wheel(session, wheel)

    links = ("--find-links", str(built))
    session.install(*links, "anyvideo")
    session.chdir(scratch)
    session.env["ANYVIDEO_STORE"] = "memory:"
    session.run("python", "-c", "import anyvideo; print('core alone:', anyvideo.__version__)")
    session.run("python", "-m", "anyvideo", success_codes=[1])
    session.install(*links, "anyvideo[all]")
    session.run("pip", "check")
    session.run("python", "-c", "import " + ", ".join(DISTRIBUTIONS))
    session.run("anyvideo", "providers", "--json")
    session.run("anyvideo", "plan", "a fox", "--json")
    become_an_author(session, scratch, links)


def become_an_author(session: nox.Session, scratch: Path, links: tuple[str, ...]) -> None:
    """Write a provider with nothing but the wheels, install the one in the docs: both pass their tests."""
    shutil.rmtree(scratch / "anyvideo-acme", ignore_errors=True)
    session.run("anyvideo", "new-provider", "acme")
    session.run("pytest", "-q", "anyvideo-acme")
    example = ROOT / "docs" / "examples" / "anyvideo-echo"
    session.install(*links, str(example))
    session.run("pytest", "-q", str(example))
    session.run("anyvideo", "plan", "a fox", "-m", "echo/echo-1", "--json")
