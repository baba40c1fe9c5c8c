"""Scenes of unrest."""

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
    in_front,
    mix,
    polygon,
    ridge,
    skyline,
    stroke,
)
from vmt.synthetic.scenes.shot import Painter, Shot


def tunnel(shot: Shot) -> Painter:
    """A flight through turning frames."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.top, palette.bottom)
    corners, frames = int(rng.integers(3, 7)), 15
    direction = float(rng.choice((-1, 1)))

    def paint(t: float) -> Image:
        image = background.copy()
        x, y = (
            WIDTH / 2 + 50 * math.sin(0.8 * shot.pace * t),
            HEIGHT / 2 + 26 * math.cos(0.6 * shot.pace * t),
        )
        travelled = 0.1 * shot.pace * t
        for index in range(frames):
            depth = (index - travelled * frames) % frames / frames  # 1 is far
            number = index % len(palette.accents)
            radius = 460 * math.exp(-3.6 * depth)
            angles = (
                direction * (0.25 * shot.pace * t + 2.2 * depth)
                + 2 * math.pi * np.arange(corners) / corners
            )
            points = np.stack(
                [x + radius * np.cos(angles), y + 0.75 * radius * np.sin(angles)], axis=1
            )
            colour = mix(palette.accents[number], palette.top, 0.85 * depth)
            polygon(
                image,
                points,
                colour,
                max(1, round(13 * math.exp(-2.6 * depth) * (1 + 0.4 * shot.pulse(t)))),
            )
        return image

    return paint


def road(shot: Shot) -> Painter:
    """A grid of lines to the horizon, rushing by."""
    rng, palette = shot.rng, shot.palette
    horizon = 168
    background = gradient(palette.top, palette.bottom)
    glow(background, WIDTH / 2, horizon, 120, palette.accents[0], 0.7)
    disc(background, WIDTH / 2, horizon - 10, 62, palette.light)
    far = np.abs(np.linspace(-1, 1, 61))
    ridge(background, horizon - 70 * far**0.8 * rng.uniform(0.25, 1, 61), palette.ink)
    background[horizon:] = gradient(
        palette.ink, mix(palette.ink, palette.top, 0.5), WIDTH, HEIGHT - horizon
    )
    line = palette.accents[1]

    def paint(t: float) -> Image:
        image = background.copy()
        lean = 120 * math.sin(0.5 * shot.pace * t)
        for index in range(14):
            depth = index + 1 - (2.2 * shot.pace * t) % 1
            y = horizon + 170 / depth
            stroke(
                image,
                (0, y),
                (WIDTH, y),
                mix(palette.ink, line, min(1.0, 1.6 / depth + 0.1 * shot.pulse(t))),
                2 if depth < 4 else 1,
            )
        for index in range(-12, 13):
            stroke(
                image,
                (WIDTH / 2 + 12 * index, horizon),
                (WIDTH / 2 + 150 * index + lean, HEIGHT + 20),
                mix(palette.ink, line, 0.8),
                2,
            )
        return image

    return paint


def searchlights(shot: Shot) -> Painter:
    """Beams that search the sky over a dark town."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.top, palette.bottom)
    town = np.zeros_like(background)
    skyline(town, rng, mix(palette.ink, palette.bottom, 0.15), palette.accents[0], 30, 120)
    lamps = rng.uniform(0, 1, (4, 2))

    def paint(t: float) -> Image:
        lit = background.copy()
        for index, (left, phase) in enumerate(lamps):
            angle = -math.pi / 2 + 0.75 * math.sin(6 * phase + (0.9 + 0.5 * phase) * shot.pace * t)
            edge = [
                (left * WIDTH + 560 * math.cos(angle + half), 320 + 560 * math.sin(angle + half))
                for half in (-0.09, 0.09)
            ]
            polygon(
                lit,
                [(left * WIDTH, 320), *edge],
                palette.light if index % 2 else palette.accents[1],
            )
        image = np.asarray(cv2.addWeighted(background, 0.5, lit, 0.5, 0))
        return in_front(image, town)

    return paint


def shards(shot: Shot) -> Painter:
    """Splinters that turn about the middle, some with bright edges."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.bottom, palette.top)
    pieces = [(rng.uniform(0, 1, 3), rng.normal(0, 70, (3, 2))) for _ in range(26)]

    def paint(t: float) -> Image:
        image = background.copy()
        for index, ((distance, phase, speed), corners) in enumerate(pieces):
            orbit = 6.28 * phase + (0.3 + 0.5 * speed) * shot.pace * t * (1 if index % 2 else -1)
            centre = (
                WIDTH / 2 + 330 * distance * math.cos(orbit),
                HEIGHT / 2 + 200 * distance * math.sin(orbit),
            )
            turn = 1.2 * shot.pace * t * (speed - 0.5) + 0.15 * shot.pulse(t)
            rotation = np.array(
                [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
            )
            points = corners @ rotation.T + centre
            polygon(
                image,
                points,
                mix(
                    palette.ink, palette.accents[index % len(palette.accents)], 0.15 + 0.35 * speed
                ),
            )
            if index % 4 == 0:
                polygon(image, points, palette.accents[0], 2)
        return image

    return paint
