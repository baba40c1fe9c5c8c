"""Video and sound files: probe, decode, mux, encode. The one home of PyAV (reading) and of ffmpeg
(writing).

Times are on the video's own clock: its first decoded frame is at 0, whatever the container says.
Inputs are regular local files in containers of `reading.FORMATS`; no playlist, no protocol but file
and pipe. Decoding holds one frame. Messages begin with `video NAME:`, and a `MediaError` carries a
code that programs can count.
"""

from vmt.media.contact_sheet import ContactSheet
from vmt.media.decoding import Frame, frames, sound
from vmt.media.reading import MediaInfo, probe
from vmt.media.writing import Muxed, blend, encode_video, mux, mux_film, own_sound

__all__ = [
    "ContactSheet",
    "Frame",
    "MediaInfo",
    "Muxed",
    "blend",
    "encode_video",
    "frames",
    "mux",
    "mux_film",
    "own_sound",
    "probe",
    "sound",
]
