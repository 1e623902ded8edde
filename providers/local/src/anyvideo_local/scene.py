"""A drawn landscape for a prompt: sky, ground and air, stacked so that a moving camera shows depth."""

from __future__ import annotations

from random import Random

from PIL import Image

from anyvideo_local.air import build_air
from anyvideo_local.look import choose_look
from anyvideo_local.sky import build_sky
from anyvideo_local.stage import Layer, Stage, View
from anyvideo_local.terrain import build_terrain, sky_end


class Scene:
    """Prepared once from `prompt` and `random`, then drawn for any view and moment."""

    def __init__(self, stage: Stage, prompt: str, random: Random) -> None:
        look = choose_look(prompt, random)
        body_x = 0.3 + 0.4 * random.random()
        layers = build_sky(stage, look, random, body_x=body_x, bottom=sky_end(look))
        layers += build_terrain(stage, look, random, body_x=body_x)
        air = build_air(look.air, stage, random)
        self._layers: tuple[Layer, ...] = (*layers, air) if air else tuple(layers)
        self._blank = Image.new("RGB", (stage.width, stage.height), look.hour.haze)

    def frame(self, view: View, seconds: float) -> Image.Image:
        """One picture, of the stage's size."""
        picture = self._blank.copy()
        for layer in self._layers:
            layer.draw(picture, view, seconds)
        return picture
