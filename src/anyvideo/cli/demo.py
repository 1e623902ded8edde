"""`anyvideo demo`: one purchase on simulated providers, with two failures on the way. It spends nothing.

Keys and addresses come only from the simulators: neither the environment nor a settings file is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Final

import typer

from anyvideo.cli.console import emit, notes, results
from anyvideo.cli.documents import video_document
from anyvideo.cli.follow import followed
from anyvideo.cli.options import AsJson
from anyvideo.cli.output import Target, draw_sheet, show
from anyvideo.cli.progress import Watch
from anyvideo.cli.simulate import import_simulator, simulated
from anyvideo.types.errors import InvalidRequest, MissingExtra

if TYPE_CHECKING:
    from anyvideo.client import Client
    from anyvideo.plugins import Plugins
    from anyvideo.testing.simulator import SimulatorServer
    from anyvideo.types.video import Video

PROMPT: Final = "a red fox crosses a frozen lake at dawn, slow dolly-in"
FAULTS: Final = {"svd": "model_down", "cogvideox": "failed"}
"""What goes wrong, by family of models."""

STORE: Final = "demo.db"
"""Made afresh each time: its jobs lie with simulators that are gone."""

SECONDS: Final = 1.5
"""How long a simulated job takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where the demo plays: a folder of its own, and simulators instead of vendors."""

    folder: Path
    server: SimulatorServer
    plugins: Plugins

    def client(self, watch: Watch, empty: Path) -> Client:
        """A client that knows nothing but the simulators; `empty` is a folder without settings files."""
        from anyvideo.client import Client
        from anyvideo.settings import load_settings

        settings = load_settings(environ=self.server.env, folder=empty)
        return Client(store=self.folder / STORE, settings=settings, plugins=self.plugins, on_event=watch)

    def billed(self) -> Decimal:
        """What the simulated vendors have charged so far, in dollars."""
        return sum((line.amount for line in self.server.ledger() if line.amount is not None), Decimal(0))


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where what the demo makes is kept.")
    ] = Path("anyvideo-demo"),
    as_json: AsJson = False,
) -> None:
    """Play the whole story on simulated providers."""
    picture = draw_lake(_prepared(output) / "lake.png")
    notes().print("every provider is simulated on this machine: no key is used, no money is spent")
    watch = Watch()
    with staged(output) as stage, TemporaryDirectory(prefix="anyvideo-demo-") as empty:
        with stage.client(watch, Path(empty)) as client:
            video = followed(client, watch, lambda: _bought(client, picture), as_json=as_json)
        billed = stage.billed()
    path = video.save(output / "fox.mp4")
    sheet = draw_sheet(path)
    if as_json:
        emit(video_document(video, path=path, sheet=sheet))
    else:
        show(video, path=path, sheet=sheet)
        results().print(f"the simulated vendors billed {billed:f} USD; really spent: nothing")


def _bought(client: Client, picture: Path) -> Video:
    return client.generate(PROMPT, image=str(picture), duration=5, poll_interval=0.25, timeout=120)


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Start the simulators and order the faults. Raises MissingExtra and PluginError."""
    from anyvideo.plugins import Plugins

    plugins = Plugins.discover()
    vendors = simulated(plugins.all)
    with import_simulator().SimulatorServer(vendors) as server:
        server.set_time(SECONDS)
        names = {vendor.name for vendor in vendors}
        for plugin in plugins.all:
            for spec in plugin.catalog.models:
                if plugin.name in names and spec.family in FAULTS:
                    server.fault(plugin.name, FAULTS[spec.family], model=spec.slug)
        yield Stage(folder=folder, server=server, plugins=plugins)


def draw_lake(path: Path) -> Path:
    """Draw the picture that the clip starts from. Raises MissingExtra."""
    try:
        from PIL import Image, ImageDraw, ImageOps
    except ModuleNotFoundError as error:
        raise MissingExtra("media", "drawing the demo's picture") from error
    picture = Image.linear_gradient("L").resize((1280, 720))
    lake = ImageOps.colorize(picture, black="#27406b", white="#f3c9a5", mid="#a58fb0")
    pen = ImageDraw.Draw(lake)
    pen.polygon([(0, 400), (260, 250), (520, 390), (800, 220), (1280, 400)], fill="#3b4a63")
    pen.rectangle((0, 400, 1280, 720), fill="#c9dbe6")
    pen.ellipse((880, 120, 980, 220), fill="#fff1d6")
    for row in range(420, 720, 30):
        pen.line((row % 190, row, 1280 - row % 270, row), fill="#b4cad9", width=2)
    fox = [(560, 560), (640, 530), (700, 545), (730, 515), (735, 560), (700, 590), (590, 590)]
    pen.polygon(fox, fill="#c4552d")
    lake.save(path)
    return path


def _prepared(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidRequest(
            f"the demo cannot use {folder}: {error.strerror}",
            field="output",
            hint="choose another with --output",
        ) from error
    Target.of(folder / "fox.mp4")
    for old in folder.glob(f"{STORE}*"):
        old.unlink()
    return folder
