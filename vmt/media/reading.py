"""Opening media files safely and reading what they hold, without decoding more than their first
frame.
"""

import hashlib
import math
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from jaxtyping import Float64

from vmt.errors import MediaError
from vmt.media.timeline import StreamClock, Timeline, timeline, usual_lengths

if TYPE_CHECKING:
    AnyPacket = Packet[Any]  # generic in PyAV's stubs alone
else:
    AnyPacket = Packet

FORMATS = (
    "mov",
    "mp4",
    "matroska",
    "webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "ogg",
    "asf",
    "mp3",
    "wav",
    "flac",
    "aac",
    "nut",
)
"""ffmpeg's demuxers that may be used; mp3, wav, flac and aac hold no picture and get a clearer
refusal by being opened; in NUT VMT itself writes a file whose clock jumped.
"""
SAFE_INPUT = {"protocol_whitelist": "file,pipe", "format_whitelist": ",".join(FORMATS)}
"""ffmpeg's options for every input: nothing is fetched, and a file that names other files is not
followed.
"""
MIN_SECONDS = 1.0
MAX_HOURS = 6.0
MAX_SIDE = 8192
MISSING_S, MISSING_SHARE = 1.0, 0.02
_STEADY = Timeline()
_NO_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


@dataclass(frozen=True)
class MediaInfo:
    """What a video file holds.

    Attributes:
        duration_s: length of the picture, from its first decoded frame to the end of its last, on a
            clock without jumps (see `timeline`).
        width: in pixels, as shown (after rotation metadata).
        height: in pixels, as shown.
        fps: average frame rate.
        frames: pictures in the file.
        video_codec: ffmpeg's name, such as `h264`.
        audio_codec: of the sound track that is heard (`sound_index`), or None without sound.
        start_s: the first frame's time on the container's clock.
        picture_index: the picture's number among the container's streams.
        timed: whether each packet says when it is shown; in an AVI with B-frames none does.
        pixel_format: ffmpeg's name, such as `yuv420p`.
        transfer: ffmpeg's number of the picture's transfer function; 16 and 18 are HDR.
        parameters_change: whether the picture's codec parameters change in mid-file.
        codec_tag: of the picture, such as `hvc1`.
        timecode: of the first frame, such as `01:00:00:00`, or empty.
        sound_index: the heard track's number among the container's streams, or -1.
        sound_channels: of the heard track as decoded, or 0.
        sound_end_s: where the heard track ends, in seconds from the first frame.
        sound_codecs: of all sound tracks in the file's order, those that nobody can decode
            included.
        timeline: what makes the clock continuous; empty for most files.
    """

    duration_s: float
    width: int
    height: int
    fps: float
    frames: int
    video_codec: str
    audio_codec: str | None
    start_s: float
    picture_index: int
    timed: bool
    pixel_format: str
    transfer: int
    parameters_change: bool
    codec_tag: str
    timecode: str
    sound_index: int
    sound_channels: int
    sound_end_s: float
    sound_codecs: tuple[str, ...]
    timeline: Timeline


def probe(path: Path, sound_track: int | None = None) -> MediaInfo:
    """What `path` holds, from every packet's timestamps, the first decoded frame and the first
    decoded piece of each sound track.

    A file is truncated when its header declares over 1 s and over 2 % more than its packets hold,
    or when an MP4 lacks its index. (A cut MPEG-TS, or a recording without a declared length, is
    simply shorter.)

    Args:
        path: a local file.
        sound_track: which of the file's sound tracks is heard, from 1; None takes the default one
            among those that can be decoded.

    Raises:
        MediaError: `not-media`, `truncated`, `no-picture`, `no-sound` (no such track), `too-short`,
            `decode-failed` or `unsafe`.
    """
    with open_media(path) as container:
        picture = picture_stream(container, path)
        scan = _Scan(container, picture)
        for packet in packets(container):
            scan.add(packet)
        declared = _declared_s(container, picture)
        origin = container.start_time / av.time_base if container.start_time else 0.0
        video_codec = _codec(picture)
        context = picture.codec_context
        rate = picture.guessed_rate or picture.average_rate or Fraction(25)
        sound = _heard(path, scan.sounds, sound_track)
        timecode = _timecode(container, picture)
        format_name = container.format.name

    clock = timeline(
        {**{track.index: track.clock for track in scan.sounds}, scan.picture: scan.clock},
        scan.picture,
        sound.index if sound is not None else None,
        format_name,
    )
    # Matroska counts its length from 0 on its clock, others from their first packet.
    held = max(0.0, scan.end_of_all - (0.0 if "matroska" in format_name else origin))
    if not clock and declared - held > max(MISSING_S, MISSING_SHARE * declared):
        raise refusal(
            path,
            f"declares {declared:.1f} s and holds {held:.1f} s: its end is missing; upload it "
            "again",
            "truncated",
        )
    start = scan.start(clock)
    if scan.first is None or start is None:
        raise refusal(
            path,
            f"no frame of its {video_codec} stream can be decoded; encode it again, as H.264 "
            "in MP4",
            "decode-failed",
        )

    frames, duration = scan.length(clock, start, float(rate))
    _check_length(path, duration)
    turned = scan.first.rotation % 180 != 0
    width, height = (
        (scan.first.height, scan.first.width) if turned else (scan.first.width, scan.first.height)
    )
    return MediaInfo(
        duration_s=duration,
        width=width,
        height=height,
        fps=frames / duration,
        frames=frames,
        video_codec=video_codec,
        audio_codec=sound.codec if sound is not None else None,
        start_s=start,
        picture_index=scan.picture,
        timed=scan.timed(start),
        pixel_format=scan.first.format.name,
        transfer=int(getattr(context, "color_trc", 2) or 2),
        parameters_change=len(scan.parameters) > 1,
        codec_tag=str(context.codec_tag),
        timecode=timecode,
        sound_index=sound.index if sound is not None else -1,
        sound_channels=sound.channels if sound is not None else 0,
        sound_end_s=sound.end_s(clock) - start if sound is not None else 0.0,
        sound_codecs=tuple(track.codec for track in scan.sounds),
        timeline=clock,
    )


def _timecode(container: InputContainer, picture: Any) -> str:
    """The timecode of the first frame, wherever a container keeps it; empty without one."""
    timed = [stream.metadata for stream in container.streams if stream.type == "data"]
    for metadata in (picture.metadata, container.metadata, *timed):
        for name, value in metadata.items():
            if name.lower() == "timecode":
                return str(value)
    return ""


def _heard(path: Path, tracks: list["_Sound"], wanted: int | None) -> "_Sound | None":
    """The sound track that is heard: the one asked for, or the default one that can be decoded."""
    if wanted is not None:
        if not 1 <= wanted <= len(tracks):
            raise refusal(
                path,
                f"has {len(tracks)} sound tracks and no track {wanted}; use another number, "
                "counted from 1",
                "no-sound",
            )
        if not tracks[wanted - 1].channels:
            raise refusal(
                path,
                f"sound track {wanted} ({tracks[wanted - 1].codec}) cannot be decoded; use "
                "another track",
                "decode-failed",
            )
        return tracks[wanted - 1]
    decodable = [track for track in tracks if track.channels]
    return min(decodable, key=lambda track: not track.default, default=None)


def _declared_s(container: InputContainer, picture: Any) -> float:
    if container.format.name == "nut":  # VMT's own copies; the duration counts from clock 0
        return 0.0
    declared = container.duration / av.time_base if container.duration else 0.0
    if untimed(container):
        # Its duration is estimated from its size, its number of frames is written.
        declared = max(declared, picture.frames / (picture.average_rate or 25))
    return float(declared)


def untimed(container: InputContainer) -> bool:
    """Whether packets say when they are decoded, but not when they are shown."""
    return bool(container.format.name == "avi")


def _check_length(path: Path, duration_s: float) -> None:
    if duration_s < MIN_SECONDS - 1e-3:
        raise refusal(
            path,
            f"{duration_s:.2f} s long, and VMT needs at least 1 s; use a longer one",
            "too-short",
        )
    if duration_s > 3600 * MAX_HOURS:
        raise refusal(
            path,
            f"{duration_s / 3600:.1f} h long, and VMT takes at most {MAX_HOURS:g} h; cut it "
            "into parts",
            "unsafe",
        )


class _Sound:
    """One sound track: its clock, and whether it can be decoded."""

    def __init__(self, stream: Any) -> None:
        self.index = int(stream.index)
        self.codec = _codec(stream)
        self.default = bool(stream.disposition & Disposition.default)
        self.clock = StreamClock()
        self.channels = 0  # of the first decoded piece; a container may say another number
        self._tries = _SOUND_TRIES if stream.codec_context is not None else 0

    def add(self, packet: AnyPacket) -> None:
        """Try to decode a packet, until one was."""
        if self._tries and not self.channels:
            self._tries -= 1
            for piece in decode(packet) or ():
                self.channels = len(piece.layout.channels)

    def end_s(self, clock: Timeline) -> float:
        """Where its last packet ends, on the continuous clock."""
        times = _shown(self.clock) + _shifts(self.clock, clock, self.index)
        ends = times + np.array(self.clock.length)
        return float(np.nanmax(ends)) if np.isfinite(ends).any() else 0.0


class _Scan:
    """Timestamps of a file, packet by packet, in seconds of the container's clock."""

    def __init__(self, container: InputContainer, picture: Any) -> None:
        self.picture = int(picture.index)
        self.by_dts = untimed(container)
        self.clock = StreamClock()
        self.sounds = [_Sound(stream) for stream in container.streams.audio]
        self.first: VideoFrame | None = None
        self.parameters: set[bytes] = set()
        self.end_of_all = 0.0
        self._first_packet = 0  # the picture's packet that completed the first frame
        self._shown = array("b")  # whether a picture's packet is shown
        self._sounds = {track.index: track for track in self.sounds}
        self._number = 0
        self._annexb = _codec(picture) in _PARAMETER_SETS and not bytes(
            picture.codec_context.extradata or b"\0"
        ).startswith(b"\1")
        self._codec = _codec(picture)

    def add(self, packet: AnyPacket) -> None:
        """Note one packet."""
        self._number += 1
        base = packet.time_base
        dts = float(packet.dts * base) if packet.dts is not None and base else math.nan
        pts = float(packet.pts * base) if packet.pts is not None and base else math.nan
        if self.by_dts:
            pts = dts
        length = float((packet.duration or 0) * base) if base else 0.0
        shown = dts if math.isnan(pts) else pts
        if not math.isnan(shown):
            self.end_of_all = max(self.end_of_all, shown + length)

        index = packet.stream.index
        if index == self.picture:
            self.clock.add(self._number, dts, pts, length)
            self._shown.append(not packet.is_discard)
            self._look_at_picture(packet)
        elif (track := self._sounds.get(index)) is not None:
            track.clock.add(self._number, dts, pts, length)
            track.add(packet)

    def _look_at_picture(self, packet: AnyPacket) -> None:
        if packet.has_sidedata("new_extradata"):
            self.parameters |= {b"", hashlib.sha256(packet.get_sidedata("new_extradata")).digest()}
        if self._annexb and packet.is_keyframe:
            sets = _parameter_sets(bytes(packet)[:_HEAD_BYTES], self._codec)
            if sets:
                self.parameters.add(sets)
        if self.first is None:
            self.first = next(iter(decode(packet) or ()), None)
            self._first_packet = len(self._shown) - 1

    def start(self, clock: Timeline) -> float | None:
        """The first decoded frame's time on the continuous clock."""
        times = _shown(self.clock) + _shifts(self.clock, clock, self.picture)
        if self.first is None or not len(times):
            return None
        if self.by_dts:
            known = times[np.isfinite(times)]
            return float(known[0]) if len(known) else None
        # Its packet is one that was read before the decoder gave it, the last with its timestamp.
        raw = _shown(self.clock)[: self._first_packet + 1]
        own = np.flatnonzero(np.abs(raw - float(self.first.time)) < 1e-6)
        shift = clock.shift_s(self.picture, int(own[-1])) if len(own) else 0.0
        return float(self.first.time) + shift

    def length(self, clock: Timeline, start: float, fps: float) -> tuple[int, float]:
        """How many pictures there are from the first decoded frame on, and how long they last.

        The last one lasts 1 / fps where the file does not say.
        """
        times = _shown(self.clock) + _shifts(self.clock, clock, self.picture)
        # Pictures before the first decoded one cannot be decoded.
        kept = (np.array(self._shown, dtype=bool)) & (times >= start - 1e-6)
        if not kept.any():
            return 0, 0.0
        lengths = np.array(self.clock.length)
        if clock:  # the last picture before a leap does not last as long as the leap
            lengths = usual_lengths(lengths)
        last = float(times[kept].max())
        end = float((times + lengths)[kept].max())
        return int(kept.sum()), (end if end > last else last + 1 / fps) - start

    def timed(self, start: float) -> bool:
        """False where only the order of decoding is known and frames leave the decoder late: there
        are B-frames.
        """
        if (
            not self.by_dts
            or self.first is None
            or self.first.dts is None
            or self.first.time_base is None
        ):
            return True
        return float(self.first.dts * self.first.time_base) <= start


def _shown(clock: StreamClock) -> Float64[np.ndarray, " packets"]:
    """When each packet is shown or heard; when it is decoded where the file says no more."""
    pts, dts = np.array(clock.pts), np.array(clock.dts)
    return np.where(np.isnan(pts), dts, pts)


def _shifts(clock: StreamClock, line: Timeline, stream: int) -> Float64[np.ndarray, " packets"]:
    shifts = np.zeros(len(clock.pts))
    for first, seconds in line.shifts.get(stream, ()):
        shifts[first:] = seconds
    return shifts


_PARAMETER_SETS = {"h264": (0x1F, {7, 8}, 0), "hevc": (0x3F, {32, 33, 34}, 1)}
"""By codec: the bits of a NAL unit's type, the types that hold parameters, where the bits are."""
_HEAD_BYTES = 4096
_SOUND_TRIES = 200


def _parameter_sets(head: bytes, codec: str) -> bytes:
    """A hash of the parameter sets at the start of a key frame in Annex B form; empty without."""
    mask, types, shift = _PARAMETER_SETS[codec]
    units = head.split(b"\0\0\1")[1:]
    sets = [unit.rstrip(b"\0") for unit in units if unit and (unit[0] >> shift) & mask in types]
    return hashlib.sha256(b"\0\0\1".join(sorted(set(sets)))).digest() if sets else b""


def open_media(path: Path) -> InputContainer:
    """`path`, opened for reading.

    Raises:
        MediaError: `not-media`, `truncated` or `unsafe`.
    """
    if not path.is_file():
        raise refusal(path, "not a regular local file; give the path of a video file", "unsafe")
    if path.stat().st_size == 0:
        raise refusal(path, "the file is empty; upload it again", "not-media")
    try:
        return av.open(
            f"file:{path.resolve()}", metadata_errors="replace", container_options=SAFE_INPUT
        )
    except Exception as error:  # PyAV lets through more than FFmpeg's errors
        with path.open("rb") as file:
            head = file.read(12)
        if head[4:8] == b"ftyp" and isinstance(error, av.error.InvalidDataError):
            raise refusal(
                path,
                "its index (moov) is missing or damaged, as in a file cut short; upload it again",
                "truncated",
            ) from error
        raise refusal(
            path,
            "not a video that VMT reads (MP4, MOV, MKV, WebM, AVI, MPEG, FLV, Ogg, ASF); "
            "convert it",
            "not-media",
        ) from error


def picture_stream(container: InputContainer, path: Path) -> Any:
    """The default, or first, video stream that is no cover art.

    Raises:
        MediaError: `no-picture`, `decode-failed` or `unsafe`.
    """
    moving = [stream for stream in container.streams.video if not stream.disposition & _NO_PICTURE]
    if not moving:
        raise refusal(
            path, "no picture in it, only sound or cover art; upload a video", "no-picture"
        )
    stream = min(moving, key=lambda each: not each.disposition & Disposition.default)
    if stream.codec_context is None:
        raise refusal(
            path, "its video codec is unknown; encode it again, as H.264 in MP4", "decode-failed"
        )
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_SIDE**2:
        raise refusal(
            path,
            f"{width} x {height} pixels a frame, and VMT takes at most {MAX_SIDE} x "
            f"{MAX_SIDE}; scale it down",
            "unsafe",
        )
    stream.thread_type = "AUTO"
    return stream


def packets(
    container: InputContainer, stream: Any | None = None, clock: Timeline = _STEADY
) -> Iterator[AnyPacket]:
    """Packets of one stream or all, up to the end or to where the container breaks.

    Args:
        container: as `open_media` gives it.
        stream: the only one that is wanted.
        clock: shifts timestamps onto the continuous clock.
    """
    demuxed = container.demux(stream) if stream is not None else container.demux()
    numbers: Counter[int] = Counter()
    while True:
        try:
            packet = next(demuxed)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001 # FFmpeg's errors, and PyAV's own
            # Such as an IndexError: PyAV trips over a stream that began in mid-file.
            return
        if clock and packet.time_base:
            index = packet.stream.index
            ticks = round(clock.shift_s(index, numbers[index]) / packet.time_base)
            numbers[index] += 1
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        yield packet


def decode(packet: AnyPacket) -> list[Any] | None:
    """Frames that a packet completes; None where it is damaged."""
    try:
        return list(packet.decode())
    except av.error.EOFError:
        return []
    except Exception:  # noqa: BLE001 # FFmpeg's errors, and PyAV's own
        return None


def refusal(path: Path, reason: str, code: str) -> MediaError:
    """The error that says why `path` cannot be used, and what to do."""
    return MediaError(f"video {path.name}: {reason}", code)


def _codec(stream: Any) -> str:
    return (
        str(stream.codec_context.codec.canonical_name)
        if stream.codec_context is not None
        else "unknown"
    )
