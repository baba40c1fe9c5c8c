"""Small odd media files, made by ffmpeg in the test run: each container, codec and defect that
people upload.

`Clips(folder).get("late-sound")` makes the file once and gives its path; `KINDS` names them all,
with what a reader must make of them. The picture of most is a moving test pattern of 160 x 120 at
25 fps for 3 s; their sound is silent for its first second, then a tone of 440 Hz.
"""

import random
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import imageio_ffmpeg

PATTERN = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=3")
TONE = ("-f", "lavfi", "-i", r"aevalsrc=gte(t\,1)*0.5*sin(2*PI*440*t):d=3:s=44100")
H264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
AAC = ("-c:a", "aac")


def ffmpeg(*arguments: str | Path) -> None:
    """Run ffmpeg; it must not fail."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-loglevel",
        "error",
        "-nostdin",
        "-y",
        *map(str, arguments),
    ]
    done = subprocess.run(command, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")


@dataclass(frozen=True)
class Kind:
    """How to make a clip, and what it is.

    Attributes:
        make: writes the file.
        suffix: of the file's name.
        sound: whether there is sound in it.
        code: of the `MediaError` that refuses it; None for a good video.
        copied: whether editors and phones open its picture in MP4 as it is.
    """

    make: Callable[["Clips", Path], None]
    suffix: str
    sound: bool = True
    code: str | None = None
    copied: bool = True


class Clips:
    """Clips by kind, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, kind: str) -> Path:
        """The clip's path; treat it as read-only."""
        path = self.folder / f"{kind}{KINDS[kind].suffix}"
        if not path.exists():
            KINDS[kind].make(self, path)
        return path


def _encoded(*options: str) -> Callable[[Clips, Path], None]:
    return lambda clips, path: ffmpeg(*PATTERN, *TONE, *options, path)


def _silent(*options: str) -> Callable[[Clips, Path], None]:
    return lambda clips, path: ffmpeg(*PATTERN, *options, path)


def _cut(kind: str, share: float) -> Callable[[Clips, Path], None]:
    def make(clips: Clips, path: Path) -> None:
        data = clips.get(kind).read_bytes()
        path.write_bytes(data[: int(len(data) * share)])

    return make


def _bytes(data: bytes) -> Callable[[Clips, Path], None]:
    return lambda clips, path: _ignore(path.write_bytes(data))


def _ignore(_: object) -> None:
    pass


def _turned(degrees: int) -> Callable[[Clips, Path], None]:
    return lambda clips, path: ffmpeg(
        "-display_rotation:v:0", str(degrees), "-i", clips.get("mp4-h264-aac"), "-c", "copy", path
    )


def _offset(sound_s: float, picture_s: float = 0.0) -> Callable[[Clips, Path], None]:
    def make(clips: Clips, path: Path) -> None:
        source = clips.get("mp4-h264-aac")
        ffmpeg(
            *("-itsoffset", str(picture_s), "-i", source, "-itsoffset", str(sound_s), "-i", source),
            *("-map", "0:v", "-map", "1:a", "-c", "copy", path),
        )

    return make


def _covered(clips: Clips, path: Path) -> None:
    cover = path.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=red:size=300x300", "-frames:v", "1", cover)
    maps = ("-map", "1", "-map", "0:v", "-map", "0:a")
    ffmpeg(
        "-i",
        clips.get("mp4-h264-aac"),
        "-i",
        cover,
        *maps,
        "-c",
        "copy",
        "-disposition:v:0",
        "attached_pic",
        path,
    )


def _cover_alone(clips: Clips, path: Path) -> None:
    cover = path.with_suffix(".png")
    ffmpeg("-f", "lavfi", "-i", "color=red:size=300x300", "-frames:v", "1", cover)
    ffmpeg(
        *TONE,
        "-i",
        cover,
        "-map",
        "0",
        "-map",
        "1",
        "-c:v",
        "copy",
        *AAC,
        "-disposition:v:0",
        "attached_pic",
        path,
    )


def _tracks(clips: Clips, path: Path) -> None:
    """The second of two audio tracks plays by default: 1 kHz all the time."""
    second = ("-f", "lavfi", "-i", "sine=frequency=1000:duration=3")
    maps = ("-map", "0:v", "-map", "1:a", "-map", "2:a")
    ffmpeg(
        *PATTERN,
        *TONE,
        *second,
        *maps,
        *H264,
        *AAC,
        "-disposition:a:0",
        "0",
        "-disposition:a:1",
        "default",
        path,
    )


def _surround(clips: Clips, path: Path) -> None:
    """5.1 with the tone in the centre alone."""
    layout = "pan=5.1|FC=c0"
    ffmpeg(*PATTERN, *TONE, "-filter:a", layout, *H264, *AAC, path)


def _subtitled(clips: Clips, path: Path) -> None:
    words = path.with_suffix(".srt")
    words.write_text("1\n00:00:00,500 --> 00:00:02,000\nla la la\n")
    ffmpeg(
        "-i",
        clips.get("mp4-h264-aac"),
        "-i",
        words,
        "-map",
        "0",
        "-map",
        "1",
        "-c",
        "copy",
        "-c:s",
        "srt",
        path,
    )


def _trimmed(clips: Clips, path: Path) -> None:
    """Cut between key frames without encoding again: the edit list hides the frames before
    the cut.
    """
    ffmpeg("-ss", "0.7", "-i", clips.get("mp4-h264-aac"), "-c", "copy", path)


def _damaged(clips: Clips, path: Path) -> None:
    """A few bytes flipped within one picture, past its headers, whatever the encoder wrote."""
    source = clips.get("mp4-h264-aac")
    with av.open(str(source)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    picture = packets[len(packets) // 2]
    data = bytearray(source.read_bytes())
    assert picture.pos is not None
    for place in range(picture.pos + picture.size // 2, picture.pos + picture.size, 8)[:5]:
        data[place] ^= 0x55
    path.write_bytes(data)


def _ruined(clips: Clips, path: Path) -> None:
    """The container whole, the picture's data noise."""
    data = bytearray(clips.get("silent").read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov") - 4
    data[start:end] = random.Random(0).randbytes(end - start)
    path.write_bytes(data)


VFR = ("-vf", "setpts='(N/25+0.3*sin(N/9))/TB'", "-fps_mode", "vfr", "-enc_time_base", "1/1000")
LONG = (
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=160x120:rate=25:duration=12",
    "-f",
    "lavfi",
    "-i",
    "sine=duration=12",
)


def _long(*options: str) -> Callable[[Clips, Path], None]:
    return lambda clips, path: ffmpeg(*LONG, *options, path)


KINDS: dict[str, Kind] = {
    # containers and codecs
    "mp4-h264-aac": Kind(_encoded(*H264, *AAC), ".mp4"),
    "mp4-h265-aac": Kind(
        _encoded("-c:v", "libx265", "-x265-params", "log-level=none", *AAC), ".mp4"
    ),
    "mp4-av1-aac": Kind(_encoded("-c:v", "libsvtav1", "-preset", "12", *AAC), ".mp4", copied=False),
    "mp4-mpeg4-mp3": Kind(_encoded("-c:v", "mpeg4", "-c:a", "libmp3lame"), ".mp4", copied=False),
    "mov-h264-pcm": Kind(_encoded(*H264, "-c:a", "pcm_s16le"), ".mov"),
    "mov-prores-pcm": Kind(
        _encoded("-c:v", "prores_ks", "-c:a", "pcm_s24le"), ".mov", copied=False
    ),
    "mkv-h264-flac": Kind(_encoded(*H264, "-c:a", "flac"), ".mkv"),
    "mkv-h265-opus": Kind(
        _encoded("-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "libopus"), ".mkv"
    ),
    "mkv-mpeg2-ac3": Kind(_encoded("-c:v", "mpeg2video", "-c:a", "ac3"), ".mkv", copied=False),
    "mkv-vp9-alone": Kind(
        _silent("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
        ".mkv",
        sound=False,
        copied=False,
    ),
    "webm-vp8-vorbis": Kind(
        _encoded("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libvorbis"),
        ".webm",
        copied=False,
    ),
    "webm-vp9-opus": Kind(
        _encoded(
            "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"
        ),
        ".webm",
        copied=False,
    ),
    "webm-av1-opus": Kind(
        _encoded("-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus"), ".webm", copied=False
    ),
    "avi-mpeg4-mp3": Kind(
        _encoded("-c:v", "mpeg4", "-bf", "2", "-c:a", "libmp3lame"), ".avi", copied=False
    ),
    "avi-h264-pcm": Kind(_encoded(*H264, "-c:a", "pcm_s16le"), ".avi", copied=False),
    "avi-mjpeg-alone": Kind(
        _silent("-c:v", "mjpeg", "-pix_fmt", "yuvj420p"), ".avi", sound=False, copied=False
    ),
    "ts-h264-aac": Kind(_encoded(*H264, *AAC), ".ts"),
    "mpg-mpeg2-mp2": Kind(_encoded("-c:v", "mpeg2video", "-c:a", "mp2"), ".mpg", copied=False),
    "flv-h264-aac": Kind(_encoded(*H264, *AAC), ".flv"),
    "ogv-theora-vorbis": Kind(
        _encoded("-c:v", "libtheora", "-c:a", "libvorbis"), ".ogv", copied=False
    ),
    "wmv-asf": Kind(_encoded("-c:v", "wmv2", "-c:a", "wmav2"), ".wmv", copied=False),
    # pictures
    "vfr-mp4": Kind(_encoded(*VFR, *H264, *AAC), ".mp4"),
    "vfr-mkv": Kind(_encoded(*VFR, *H264, *AAC), ".mkv"),
    "rotated-90": Kind(_turned(90), ".mp4"),
    "rotated-180": Kind(_turned(180), ".mp4"),
    "rotated-270": Kind(_turned(270), ".mov"),
    "odd-size": Kind(
        lambda clips, path: ffmpeg(
            *(
                "-f",
                "lavfi",
                "-i",
                "testsrc=size=161x121:rate=25:duration=3",
                *TONE,
                "-pix_fmt",
                "yuv420p",
            ),
            *(
                "-c:v",
                "libvpx-vp9",
                "-deadline",
                "realtime",
                "-cpu-used",
                "8",
                "-c:a",
                "libopus",
                path,
            ),
        ),
        ".webm",
        copied=False,
    ),
    "ten-bit": Kind(
        _encoded("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p10le", *AAC),
        ".mkv",
        copied=False,
    ),
    "interlaced": Kind(
        _encoded(*H264, "-flags", "+ildct+ilme", "-x264-params", "tff=1", *AAC), ".mp4"
    ),
    "ntsc-rate": Kind(_encoded("-r", "30000/1001", *H264, *AAC), ".mp4"),
    "cover-art": Kind(_covered, ".mp4"),
    "trimmed": Kind(_trimmed, ".mp4"),
    # clocks
    "starts-at-5": Kind(_encoded(*H264, *AAC, "-output_ts_offset", "5"), ".ts"),
    "late-sound": Kind(_offset(0.5), ".mkv"),
    "early-sound": Kind(_offset(0.0, 0.5), ".mkv"),
    "late-picture-mp4": Kind(_offset(0.0, 0.5), ".mp4"),
    # sounds
    "silent": Kind(_silent(*H264), ".mp4", sound=False),
    "mono": Kind(_encoded(*H264, *AAC, "-ac", "1"), ".mp4"),
    "stereo": Kind(_encoded(*H264, *AAC, "-ac", "2"), ".mp4"),
    "surround": Kind(_surround, ".mp4"),
    "two-tracks": Kind(_tracks, ".mkv"),
    "short-sound": Kind(_encoded("-filter:a", "atrim=end=1.5", *H264, *AAC), ".mp4"),
    "long-sound": Kind(_encoded("-filter:a", "apad=pad_dur=4", *H264, *AAC), ".mkv"),
    "subtitled": Kind(_subtitled, ".mkv"),
    # what is refused
    "empty": Kind(_bytes(b""), ".mp4", code="not-media"),
    "text": Kind(_bytes(b"this is no video\n" * 100), ".mp4", code="not-media"),
    "picture": Kind(
        lambda clips, path: ffmpeg(
            "-f", "lavfi", "-i", "testsrc2=size=160x120", "-frames:v", "1", path
        ),
        ".png",
        code="not-media",
    ),
    "playlist": Kind(
        _bytes(b"#EXTM3U\n#EXTINF:3,\nhttp://127.0.0.1:1/a.ts\n#EXT-X-ENDLIST\n"),
        ".mp4",
        code="not-media",
    ),
    "concat-list": Kind(
        _bytes(b"ffconcat version 1.0\nfile mp4-h264-aac.mp4\n"), ".mp4", code="not-media"
    ),
    "sound-alone": Kind(lambda clips, path: ffmpeg(*TONE, *AAC, path), ".m4a", code="no-picture"),
    "mp3": Kind(
        lambda clips, path: ffmpeg(*TONE, "-c:a", "libmp3lame", path), ".mp3", code="no-picture"
    ),
    "cover-alone": Kind(_cover_alone, ".m4a", code="no-picture"),
    "half-second": Kind(_encoded(*H264, *AAC, "-t", "0.5"), ".mp4", code="too-short"),
    "one-frame": Kind(_silent(*H264, "-frames:v", "1"), ".mp4", sound=False, code="too-short"),
    "no-moov": Kind(_cut("mp4-h264-aac", 0.7), ".mp4", code="truncated"),
    "long-mp4": Kind(_long(*H264, *AAC, "-movflags", "+faststart"), ".mp4"),
    "long-mkv": Kind(_long(*H264, *AAC), ".mkv"),
    "long-avi": Kind(_long("-c:v", "mpeg4", "-c:a", "libmp3lame"), ".avi"),
    "cut-mp4": Kind(_cut("long-mp4", 0.6), ".mp4", code="truncated"),
    "cut-mkv": Kind(_cut("long-mkv", 0.6), ".mkv", code="truncated"),
    "cut-webm": Kind(_cut("webm-vp9-opus", 0.4), ".webm", code="truncated"),
    "cut-avi": Kind(_cut("long-avi", 0.6), ".avi", code="truncated"),
    "damaged": Kind(_damaged, ".mp4"),
    "ruined": Kind(_ruined, ".mkv", sound=False, code="decode-failed"),
}
GOOD = [name for name, kind in KINDS.items() if kind.code is None and not name.startswith("long-")]
REFUSED = [name for name, kind in KINDS.items() if kind.code is not None]
