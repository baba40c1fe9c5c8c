"""Scenes of the demo corpus. A scene is set up once for a shot and then painted for any moment of
it.

Conventions: `t` is in seconds since the start of the shot; `pace` multiplies all movement (about
0.3 slow to 2 fast); what dances does it in time with the song's beat.
"""

from collections.abc import Callable

from vmt.synthetic.scenes.bright import balloons, bokeh, bubbles, dancers, sunburst
from vmt.synthetic.scenes.dark import road, searchlights, shards, tunnel
from vmt.synthetic.scenes.outdoors import city, hills, rain, sea, snow
from vmt.synthetic.scenes.shot import Painter, Shot

__all__ = ["SCENES", "Painter", "Shot"]

SCENES: dict[str, Callable[[Shot], Painter]] = {
    scene.__name__: scene
    for scene in (
        balloons,
        bokeh,
        bubbles,
        city,
        dancers,
        hills,
        rain,
        road,
        sea,
        searchlights,
        shards,
        snow,
        sunburst,
        tunnel,
    )
}
