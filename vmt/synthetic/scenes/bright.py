"""Scenes of colour and good cheer."""

import math

import cv2
import numpy as np

from vmt.synthetic.canvas import (
    HEIGHT,
    WIDTH,
    Image,
    disc,
    glow,
    gradient,
    mix,
    oval,
    polygon,
    stroke,
)
from vmt.synthetic.scenes.shot import Painter, Shot


def sunburst(shot: Shot) -> Painter:
    """Rays that turn around a beating sun, with confetti."""
    rng, palette = shot.rng, shot.palette
    spokes = int(rng.integers(9, 14))
    bits = rng.uniform(0, 1, (70, 3))
    background = gradient(palette.top, palette.bottom)

    def paint(t: float) -> Image:
        image = background.copy()
        x, y = WIDTH / 2 + 90 * math.sin(0.7 * shot.pace * t), HEIGHT * 0.55
        for spoke in range(spokes):
            angle = 0.6 * shot.pace * t + 2 * math.pi * spoke / spokes
            half = math.pi / spokes / 2
            edge = [
                (x + 800 * math.cos(angle + side), y + 800 * math.sin(angle + side))
                for side in (-half, half)
            ]
            polygon(image, [(x, y), *edge], palette.accents[spoke % 2])
        radius = 62 + 16 * shot.pulse(t)
        disc(image, x, y, radius + 14, mix(palette.accents[0], palette.light, 0.5))
        disc(image, x, y, radius, palette.light)
        for index, (left, phase, speed) in enumerate(bits):
            fallen = (phase + (0.15 + 0.25 * speed) * shot.pace * t) % 1
            sway = 14 * math.sin(9 * phase + 4 * t)
            colour = palette.accents[index % len(palette.accents)]
            oval(
                image,
                left * WIDTH + sway,
                fallen * (HEIGHT + 20) - 10,
                (6, 3),
                360 * (phase + t),
                colour,
            )
        return image

    return paint


def bubbles(shot: Shot) -> Painter:
    """Discs of all sizes that rise and wobble."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.bottom, palette.top)
    glow(background, WIDTH * float(rng.uniform(0.2, 0.8)), HEIGHT * 0.3, 170, palette.light, 0.7)
    seeds = rng.uniform(0, 1, (34, 4))

    def paint(t: float) -> Image:
        image = background.copy()
        for index, (left, phase, speed, size) in enumerate(seeds):
            radius = 8 + 44 * size**2 + 4 * shot.pulse(t) * size
            y = HEIGHT + 60 - ((phase + (0.1 + 0.22 * speed) * shot.pace * t) % 1) * (HEIGHT + 120)
            x = left * WIDTH + 24 * math.sin(6 * phase + 1.3 * shot.pace * t)
            colour = palette.accents[index % len(palette.accents)]
            disc(image, x, y, radius, colour)
            disc(
                image,
                x - 0.3 * radius,
                y - 0.35 * radius,
                0.25 * radius,
                mix(colour, palette.light, 0.75),
            )
        return image

    return paint


def dancers(shot: Shot) -> Painter:
    """Three silhouettes that dance on the beat under two lamps."""
    rng, palette = shot.rng, shot.palette
    places = 150 + 170 * np.arange(3) + rng.uniform(-25, 25, 3)
    background = gradient(palette.top, palette.bottom)
    oval(background, WIDTH / 2, HEIGHT + 30, (430, 90), 0, mix(palette.bottom, palette.ink, 0.45))

    def paint(t: float) -> Image:
        lit = background.copy()
        for lamp, colour in zip((130, 510), palette.accents, strict=False):
            x = lamp + 150 * math.sin(0.9 * shot.pace * t + lamp)
            polygon(lit, [(lamp, -10), (x - 80, HEIGHT - 30), (x + 80, HEIGHT - 30)], colour)
        image: Image = cv2.addWeighted(background, 0.45, lit, 0.55, 0)
        for index, x in enumerate(places):
            _dancer(image, float(x), shot, math.pi * t / shot.beat_s + index)
        return image

    return paint


def _dancer(image: Image, x: float, shot: Shot, phase: float) -> None:
    ink, bounce, sway = shot.palette.ink, 9 * abs(math.sin(phase)), 16 * math.sin(phase)
    hip, neck = (x + sway, 235 - bounce), (x + 0.3 * sway, 152 - bounce)
    stroke(image, hip, neck, ink, 27)
    disc(image, neck[0] + 0.2 * sway, neck[1] - 34, 20, ink)
    for side in (-1, 1):
        knee = (x + side * 26 + 0.6 * sway, 282 - 0.4 * bounce)
        stroke(image, hip, knee, ink, 17)
        stroke(image, knee, (x + side * 30, 335), ink, 14)
        lift = math.sin(phase + (0.9 if side > 0 else 0))
        elbow = (neck[0] + side * 40, neck[1] + 16 - 22 * lift)
        stroke(image, (neck[0], neck[1] + 8), elbow, ink, 13)
        stroke(image, elbow, (elbow[0] + side * 18, elbow[1] - 34 * (0.4 + lift)), ink, 11)


def bokeh(shot: Shot) -> Painter:
    """Soft lights out of focus, drifting."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.top, palette.bottom, WIDTH // 4, HEIGHT // 4)
    lights = rng.uniform(0, 1, (26, 4))

    def paint(t: float) -> Image:
        lit = background.copy()
        for index, (left, top, phase, size) in enumerate(lights):
            x = (left * 200 + 5 * shot.pace * t * (0.4 + size)) % 200 - 20
            y = top * 90 + 6 * math.sin(6 * phase + 0.8 * shot.pace * t)
            colour = mix(
                palette.accents[index % len(palette.accents)],
                palette.light,
                0.3 + 0.3 * math.sin(6 * phase + t),
            )
            disc(lit, x, y, 4 + 11 * size, colour)
        soft = cv2.GaussianBlur(lit, (0, 0), 1.6)
        image: Image = cv2.resize(
            cv2.addWeighted(soft, 0.72, background, 0.28, 0),
            (WIDTH, HEIGHT),
            interpolation=cv2.INTER_CUBIC,
        )
        return image

    return paint


def balloons(shot: Shot) -> Painter:
    """Hot-air balloons among clouds."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.top, palette.bottom)
    clouds = rng.uniform(0, 1, (5, 2))
    fleet = rng.uniform(0, 1, (5, 3))

    def paint(t: float) -> Image:
        image = background.copy()
        for left, top in clouds:
            x = (left * 800 + 16 * shot.pace * t) % 820 - 90
            for puff, radius in ((-44, 20), (-16, 30), (20, 34), (52, 20)):
                disc(
                    image,
                    x + puff,
                    40 + 280 * top - radius / 3,
                    radius,
                    mix(palette.bottom, palette.light, 0.75),
                )
        for index, (left, top, size) in enumerate(fleet):
            scale = 0.5 + 0.9 * size
            x = (left * WIDTH + 20 * scale * shot.pace * t) % (WIDTH + 120) - 60
            y = 70 + 190 * top + 12 * math.sin(0.9 * shot.pace * t + 6 * left)
            colour = palette.accents[index % len(palette.accents)]
            for side in (-9, 9):
                stroke(
                    image,
                    (x + 2 * side * scale, y + 20 * scale),
                    (x + side * scale, y + 62 * scale),
                    palette.ink,
                    1,
                )
            oval(image, x, y, (34 * scale, 40 * scale), 0, colour)
            oval(image, x, y, (13 * scale, 40 * scale), 0, mix(colour, palette.light, 0.6))
            polygon(
                image,
                np.array([(-10, 58), (10, 58), (8, 72), (-8, 72)]) * scale + (x, y),
                palette.ink,
            )
        return image

    return paint
