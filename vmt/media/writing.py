"""Writing videos with ffmpeg as a child process, under limits of time and memory; outputs appear
only when whole.
"""

import contextlib
import math
import os
import re
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import av
import av.error
import ffmpeg
import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from vmt.errors import MediaError, StoreFull
from vmt.media import decoding
from vmt.media.reading import SAFE_INPUT, MediaInfo, open_media, packets, probe, refusal
from vmt.media.timeline import LEAP_S

if os.name == "posix":
    import resource

COPIED_CODECS = frozenset(
    {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
)
"""Pictures that ffmpeg's MP4 muxer takes."""
OPENED = {
    "h264": frozenset({"yuv420p", "yuvj420p"}),
    "hevc": frozenset({"yuv420p", "yuvj420p", "yuv420p10le"}),
}
"""Pictures in MP4 that editors and phones open, by codec and pixel format."""
PICTURES = ("auto", "copy", "h264")
HDR_TRANSFERS = (16, 18)  # PQ and HLG
MEMORY_LIMIT_BYTES = 6 << 30
THREADS = min(8, os.cpu_count() or 1)
AUDIO_RATE_HZ = 48_000
AUDIO_BITRATE = "192k"
_MARGIN_S = 100.0
DURATION_TOLERANCE_S = 0.06
"""How far what was written may be from what was asked for: AAC comes in blocks of 21 ms."""


@dataclass(frozen=True)
class Muxed:
    """What became of the picture: `copied`, or `encoded` as H.264 for a `reason`."""

    picture: Literal["copied", "encoded"]
    reason: str = ""


def mux(
    video: Path,
    sound: Path,
    out: Path,
    *,
    duration_s: float,
    metadata: Mapping[str, str] | None = None,
    picture: str = "auto",
) -> Literal["copied", "encoded"]:
    """As `mux_film`, which also says why a picture was encoded."""
    return mux_film(
        video, sound, out, duration_s=duration_s, metadata=metadata, picture=picture
    ).picture


def mux_film(
    video: Path,
    sound: Path,
    out: Path,
    *,
    duration_s: float,
    metadata: Mapping[str, str] | None = None,
    picture: str = "auto",
) -> Muxed:
    """The picture of `video` with `sound` under it, as an MP4 that starts to play before it is
    loaded.

    A picture that is copied keeps its bitstream and what the container says of it: rotation,
    colour, HDR metadata, Dolby Vision, projection (360 degrees, stereo), sample aspect ratio,
    timecode and chapters. The sound becomes AAC and exactly `duration_s` long: cut, or filled with
    silence. What was written is read again: it holds every frame for as long as the source, and
    sound as long as the picture.

    Args:
        video: any file that `probe` takes.
        sound: a sound file that ffmpeg reads, such as WAV or FLAC; its first sample plays at the
            first frame.
        out: the MP4; it appears only when whole.
        duration_s: of the picture, as `probe` says.
        metadata: written as the MP4's tags.
        picture: `auto` copies what editors and phones open (`OPENED`) and encodes the rest as
            H.264; `copy` copies whatever MP4 can hold and refuses the rest; `h264` encodes what is
            not H.264 already.

    Raises:
        MediaError: as `probe`; `encode-failed` or `timeout`.
        StoreFull: if there is no space left for `out`.
    """
    assert picture in PICTURES, picture
    info = probe(video)
    reason = _why_encoded(info, picture)
    if reason and picture == "copy":
        raise MediaError(
            f"video {video.name}: {reason}, so it cannot be copied; use --video auto or h264",
            "encode-failed",
        )

    tags = metadata or {}
    with _continuous(video, info, out) as (steady, steady_info):
        if not reason:
            try:
                _mux(steady, sound, out, steady_info, duration_s, tags, copy=True)
                return Muxed("copied")
            except MediaError as error:
                if error.code != "encode-failed" or picture == "copy":
                    raise
                reason = f"MP4 does not hold it as it is ({error})"
        _mux(steady, sound, out, steady_info, duration_s, tags, copy=False)
    return Muxed("encoded", reason)


def _why_encoded(info: MediaInfo, picture: str) -> str:
    """Why a picture cannot be copied; empty where it can."""
    codec = info.video_codec
    if codec not in COPIED_CODECS:
        return f"MP4 holds no {codec} picture"
    if not info.timed:
        return "its packets do not say when they are shown"
    if picture == "copy":
        return ""
    if info.parameters_change:
        return f"the parameters of its {codec} picture change in mid-film"
    if picture == "h264" and codec != "h264":
        return f"its picture is {codec}, and H.264 was asked for"
    if info.pixel_format not in OPENED.get(codec, frozenset()):
        kind = f"{codec}, {info.pixel_format}" if codec in OPENED else codec
        return f"editors and phones seldom open a {kind} picture in MP4"
    return ""


@contextlib.contextmanager
def _continuous(
    video: Path, info: MediaInfo, out: Path, sound_track: int | None = None
) -> Iterator[tuple[Path, MediaInfo]]:
    """The file itself, or, where its clock jumps, a copy beside `out` whose clock does not."""
    if not info.timeline:
        yield video, info
        return

    part = out.with_name(f".{uuid.uuid4().hex}.part.nut")
    try:
        _straighten(video, info, part)
        # The copy holds the picture and the heard track alone.
        yield part, probe(part)
    finally:
        part.unlink(missing_ok=True)


def _straighten(video: Path, info: MediaInfo, part: Path) -> None:
    """Packets of the picture and of the heard sound in a NUT file, their timestamps continuous."""
    wanted = [index for index in (info.picture_index, info.sound_index) if index >= 0]
    try:
        with open_media(video) as source, av.open(str(part), "w", format="nut") as target:
            streams = {
                index: target.add_stream_from_template(source.streams[index]) for index in wanted
            }
            last: dict[int, int] = {}
            for packet in packets(source, None, info.timeline):
                index = packet.stream.index
                if index not in streams or packet.dts is None or packet.size == 0:
                    continue
                # NUT holds no time before 0, and sound may start before the picture does.
                ticks = round((_MARGIN_S - info.start_s) / packet.time_base)
                packet.dts += ticks
                packet.pts = None if packet.pts is None else packet.pts + ticks
                # Where two parts meet, the order of decoding may step back by a frame or two.
                step = math.ceil(0.001 / packet.time_base)
                packet.dts = max(packet.dts, last.get(index, packet.dts - step) + step)
                packet.pts = None if packet.pts is None else max(packet.pts, packet.dts)
                last[index] = packet.dts
                if packet.duration and packet.duration * packet.time_base > LEAP_S:
                    packet.duration = 0  # up to the next one, in an MP4 whose clock leaps
                packet.stream = streams[index]
                target.mux(packet)
    except (av.error.FFmpegError, ValueError) as error:
        raise refusal(
            video,
            f"its parts cannot be joined ({error}); encode it again, as H.264 in MP4",
            "encode-failed",
        ) from error


def _mux(
    video: Path,
    sound: Path,
    out: Path,
    info: MediaInfo,
    duration_s: float,
    metadata: Mapping[str, str],
    *,
    copy: bool,
    limit_s: float | None = None,
    audio_bitrate: str = AUDIO_BITRATE,
) -> None:
    # copyts keeps the input's own clock, so that this offset moves the first frame to 0, whenever
    # other streams start
    picture = ffmpeg.input(_local(video), itsoffset=-info.start_s, **SAFE_INPUT)[
        str(info.picture_index)
    ]
    voice = ffmpeg.input(_local(sound), protocol_whitelist="file,pipe").audio
    voice = voice.filter("aresample", AUDIO_RATE_HZ).filter("apad").filter("atrim", end=duration_s)

    options: dict[str, Any] = {
        "c:a": "aac",
        # Half the time of ffmpeg's default, and at this rate nearer to the sound that went in.
        "aac_coder": "fast",
        "b:a": audio_bitrate,
        "c:v": "copy" if copy else "libx264",
        "movflags": "+faststart",
        "map_metadata:g": -1,
        # Dolby Vision and 360-degree boxes are newer than the standard that ffmpeg keeps to.
        "strict": "unofficial",
        "threads": THREADS,
    }
    if info.timecode:
        options["metadata:s:v:0"] = f"timecode={info.timecode}"
    if not copy:
        options |= _h264_options(info)
    if copy and info.video_codec == "hevc":
        # The tags that Apple's players ask for.
        options["tag:v"] = "dvh1" if info.codec_tag in ("dvh1", "dvhe") else "hvc1"
    tags = {
        f"metadata:g:{number}": f"{name}={value}"
        for number, (name, value) in enumerate(metadata.items())
    }

    if limit_s is None:
        limit_s = 120 + duration_s if copy else 600 + 20 * duration_s
    with _whole(out) as part:
        command = ffmpeg.output(
            picture, voice, _local(part), format="mp4", **options, **tags
        ).global_args("-copyts")
        _run(command, out, limit_s)
        _check_film(part, out, video, info, duration_s)


def _h264_options(info: MediaInfo) -> dict[str, Any]:
    """Encoding with every frame at its own time, all of one size, in colours that any screen
    shows.
    """
    # ffmpeg builds its filters anew where the size changes, so none may count from its own start.
    filters = [f"scale={info.width}:{info.height}", _EVEN]
    if not info.timed:  # ffmpeg gives the first frame the time at which it leaves the decoder
        filters.append("setpts=PTS-STARTPTS")
    if info.transfer in HDR_TRANSFERS:
        filters.insert(0, _TO_SDR)
    return {
        "crf": 18,
        "preset": "medium",
        "pix_fmt": "yuv420p",
        "vf": ",".join(filters),
        "fps_mode": "passthrough",
        # The source's clock: frames closer than the usual interval keep their times.
        "enc_time_base": "demux",
    }


def _check_film(part: Path, out: Path, video: Path, info: MediaInfo, duration_s: float) -> None:
    """Read what was written: no frame and no second may be missing.

    Raises:
        MediaError: `encode-failed`, saying what is missing.
    """
    made = probe(part)
    frame_s = 1 / info.fps
    problems = []
    # A damaged packet is no frame when it is encoded, so what can be decoded counts then.
    if made.frames != info.frames and made.frames != sum(1 for _ in decoding.frames(video, info)):
        problems.append(f"{made.frames} of {info.frames} frames")
    if abs(made.duration_s - info.duration_s) > max(DURATION_TOLERANCE_S, 1.5 * frame_s):
        problems.append(f"{made.duration_s:.2f} of {info.duration_s:.2f} s of picture")
    if abs(made.sound_end_s - duration_s) > DURATION_TOLERANCE_S:
        problems.append(f"{made.sound_end_s:.2f} of {duration_s:.2f} s of sound")
    if problems:
        raise MediaError(
            f"video {out.name}: the MP4 holds {' and '.join(problems)}; encode the video again, "
            "as H.264 in MP4",
            "encode-failed",
        )


def blend(
    video: Path,
    music: Path,
    out: Path,
    *,
    duration_s: float,
    duck: bool,
    sound_track: int | None = None,
) -> bool:
    """The video's own sound and `music` together, as a stereo WAV of floats at 48 kHz that may pass
    full scale.

    Args:
        video: any file that `probe` takes.
        music: a sound file; its first sample plays at the first frame.
        out: the WAV; it appears only when whole.
        duration_s: of the result.
        duck: take the music down while the video's own sound is heard, by some 12 dB under loud
            speech.
        sound_track: which of the video's own, as in `probe`.

    Returns:
        Whether the video has a sound of its own; without one nothing is written.

    Raises:
        MediaError: as `probe`; `encode-failed` or `timeout`.
        StoreFull: if there is no space left for `out`.
    """
    with _own_sound(video, out, duration_s + 1, sound_track) as own:
        if own is None:
            return False
        under = ffmpeg.input(_local(music), protocol_whitelist="file,pipe").audio.filter(
            "aresample", AUDIO_RATE_HZ
        )
        # a second more than is wanted, for sidechaincompress drops what it holds when one of its
        # inputs ends
        under = under.filter("apad").filter("atrim", end=duration_s + 1)
        if duck:
            both = own.filter_multi_output("asplit")
            own = both.stream(0)
            under = ffmpeg.filter([under, both.stream(1)], "sidechaincompress", **_DUCKING)
        mixed = ffmpeg.filter([own, under], "amix", inputs=2, normalize=0, duration="longest")
        _write_wav(mixed.filter("atrim", end=duration_s), out, duration_s)
    return True


def own_sound(video: Path, out: Path, *, duration_s: float, sound_track: int | None = None) -> bool:
    """The video's own sound, as a stereo WAV of floats at 48 kHz that starts with the first frame.

    Args, returns and raises as `blend`.
    """
    with _own_sound(video, out, duration_s, sound_track) as own:
        if own is None:
            return False
        _write_wav(own, out, duration_s)
    return True


@contextlib.contextmanager
def _own_sound(
    video: Path, out: Path, length_s: float, sound_track: int | None
) -> Iterator[Any | None]:
    """The heard track as ffmpeg's stream, aligned to the picture; None without sound."""
    info = probe(video, sound_track)
    if info.audio_codec is None:
        if info.sound_codecs:
            raise refusal(
                video,
                f"its sound ({', '.join(info.sound_codecs)}) cannot be decoded; encode it again, "
                "as AAC, or replace it",
                "decode-failed",
            )
        yield None
        return

    with _continuous(video, info, out) as (steady, steady_info):
        own = ffmpeg.input(_local(steady), itsoffset=-steady_info.start_s, **SAFE_INPUT)[
            str(steady_info.sound_index)
        ]
        # Floats: between integers ffmpeg scales a mix down to keep it from clipping.
        own = own.filter("aformat", sample_fmts="fltp")
        if info.sound_channels == 1:
            # ffmpeg's own law for mono is 3 dB down on either side.
            own = own.filter("channelmap", map="0|0", channel_layout="stereo")
        # The sound may start before or after the first frame: what is missing is silence, what is
        # early is cut.
        own = own.filter("aresample", AUDIO_RATE_HZ, **{"async": 1, "first_pts": 0})
        own = own.filter("aformat", channel_layouts="stereo").filter("apad")
        yield own.filter("atrim", end=length_s)


def _write_wav(sound: Any, out: Path, duration_s: float) -> None:
    with _whole(out) as part:
        options = {"format": "wav", "c:a": "pcm_f32le", "ac": 2, "rf64": "auto", "threads": THREADS}
        command = ffmpeg.output(sound, _local(part), **options).global_args("-copyts")
        _run(command, out, 120 + 2 * duration_s)
        written_s = _wav_seconds(part)
        if abs(written_s - duration_s) > DURATION_TOLERANCE_S:
            raise MediaError(
                f"sound {out.name}: holds {written_s:.2f} of {duration_s:.2f} s; encode the "
                "video's sound again, as AAC",
                "encode-failed",
            )


def _packets_of_picture(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def _wav_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        return float((container.duration or 0) / av.time_base)


_DUCKING = {"threshold": 0.03, "ratio": 3.5, "attack": 30, "release": 500, "knee": 4}

_TO_SDR = (
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt709,tonemap=mobius:desat=0,"
    "zscale=t=bt709:m=bt709:r=tv,format=yuv420p,sidedata=delete"
)
_EVEN = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # H.264 in 4:2:0 has even sides


def encode_video(
    frames: Iterable[UInt8[np.ndarray, "height width 3"]],
    fps: int,
    size: tuple[int, int],
    out: Path,
    sound: Path | None,
    *,
    limit_s: float = 3600.0,
    threads: int = THREADS,
    audio_bitrate: str = AUDIO_BITRATE,
) -> None:
    """Frames as H.264, with `sound` as AAC, in an MP4.

    Args:
        frames: RGB pictures, all of `size`, taken one at a time.
        fps: frames a second.
        size: width and height in pixels; an odd side gains a black line.
        out: the MP4; it appears only when whole.
        sound: a sound file, cut or filled to the picture's length; None for a silent video.
        limit_s: when to give up.
        threads: how many x264 may use; the bytes depend on it, so give 1 where they must be the
            same everywhere.
        audio_bitrate: of the AAC, as ffmpeg writes it.

    Raises:
        MediaError: `encode-failed` or `timeout`.
        StoreFull: if there is no space left for `out`.
    """
    width, height = size
    picture = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=fps
    )
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": "veryfast",
        "crf": 21,
        "pix_fmt": "yuv420p",
        "vf": _EVEN,
    }
    options |= {"movflags": "+faststart", "threads": threads}
    with _whole(out) as part:
        shown = ffmpeg.output(picture, _local(part), format="mp4", **options)
        given = 0

        def feed() -> Iterator[bytes]:
            nonlocal given
            for frame in frames:
                given += 1
                yield frame.tobytes()

        _run(shown, out, limit_s, feed())
        if (written := _packets_of_picture(part)) != given:
            raise MediaError(
                f"video {out.name}: the MP4 holds {written} of {given} frames; free memory and "
                "run again",
                "encode-failed",
            )
        if sound is not None:
            info = probe(part)
            _mux(
                part,
                sound,
                part,
                info,
                info.duration_s,
                {},
                copy=True,
                limit_s=limit_s,
                audio_bitrate=audio_bitrate,
            )


def _local(path: Path) -> str:
    return f"file:{path.resolve()}"


@contextlib.contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A name beside `out` to write to, moved to `out` at the end and removed on failure."""
    part = out.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _run(command: Any, out: Path, limit_s: float, feed: Iterable[bytes] = ()) -> None:
    """Run ffmpeg, writing `feed` to its standard input; ended after `limit_s`."""
    arguments = command.global_args("-hide_banner", "-nostats", "-loglevel", "error").compile(
        cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True
    )
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        try:
            _limit_memory(process.pid)
            timer.start()
            _feed(process, feed)
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        log.seek(0)
        words = log.read().decode(errors="replace")
    if late.is_set():
        raise MediaError(
            f"video {out.name}: ffmpeg was still at work after {limit_s:.0f} s and was ended; "
            "cut the video into parts",
            "timeout",
        )
    if process.returncode != 0:
        raise _failure(out, process.returncode, words)


def _feed(process: subprocess.Popen[bytes], feed: Iterable[bytes]) -> None:
    assert process.stdin is not None
    with (
        contextlib.suppress(BrokenPipeError),
        process.stdin as pipe,
    ):  # an ffmpeg that ended says why on stderr
        for data in feed:
            pipe.write(data)


def _limit_memory(pid: int) -> None:
    if hasattr(resource, "prlimit"):  # Linux
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def _failure(out: Path, returncode: int, words: str) -> MediaError | StoreFull:
    if returncode == -signal.SIGXFSZ or re.search(
        "No space left|File too large|quota exceeded", words, re.IGNORECASE
    ):
        return StoreFull(f"file {out.name}: no space left in its folder; free some and run again")
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    reason = lines[-1][:200] if lines else f"it ended with code {returncode}"
    return MediaError(
        f"video {out.name}: ffmpeg could not write it ({reason}); check the video and the sound",
        "encode-failed",
    )
