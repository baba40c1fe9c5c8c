"""Loading the synthesizer's library, and what it plays."""

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pretty_midi
import soundfile

from vmt.audio.synthesis import SAMPLE_RATE, synthesize

THREADS = """
import sys, threading
from vmt.audio import soundfont
before, gate = sys.stdout, threading.Barrier(8)
def load():
    gate.wait()
    soundfont.fluidsynth_module()
threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sys.stdout is before
print("kept")
"""


def test_threads_that_load_at_once_leave_stdout_alone() -> None:
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("kept\n")


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def made_sf3(frequency: float) -> bytes:
    """A SoundFont of one program, a Vorbis-compressed sine of two seconds."""
    sound = 0.5 * np.sin(2 * np.pi * frequency * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    ogg = io.BytesIO()
    soundfile.write(ogg, sound.astype(np.float32), SAMPLE_RATE, format="OGG", subtype="VORBIS")
    vorbis, mono = ogg.getvalue(), 1 | 0x10
    sample = struct.pack(
        "<20s5IBbHH", b"sine", 0, len(vorbis), 8, len(sound) - 8, SAMPLE_RATE, 69, 0, 0, mono
    )
    pdta = b"".join(
        chunk(name, data)
        for name, data in (
            (
                b"phdr",
                struct.pack("<20sHHHIII", b"sine", 0, 0, 0, 0, 0, 0)
                + struct.pack("<20sHHHIII", b"EOP", 0, 0, 1, 0, 0, 0),
            ),
            (b"pbag", struct.pack("<4H", 0, 0, 1, 0)),
            (b"pmod", bytes(10)),
            (b"pgen", struct.pack("<4H", 41, 0, 0, 0)),  # 41: instrument
            (b"inst", struct.pack("<20sH20sH", b"sine", 0, b"EOI", 1)),
            (b"ibag", struct.pack("<4H", 0, 0, 1, 0)),
            (b"imod", bytes(10)),
            (b"igen", struct.pack("<4H", 53, 0, 0, 0)),  # 53: sample
            (b"shdr", sample + struct.pack("<20s5IBbHH", b"EOS", *[0] * 9)),
        )
    )
    info = chunk(b"ifil", struct.pack("<HH", 3, 1)) + chunk(b"INAM", b"made")
    parts = ((b"INFO", info), (b"sdta", chunk(b"smpl", vorbis)), (b"pdta", pdta))
    lists = b"".join(chunk(b"LIST", name + data) for name, data in parts)
    return chunk(b"RIFF", b"sfbk" + lists)


def test_the_wheels_fluidsynth_plays_compressed_soundfonts(tmp_path: Path) -> None:
    path = tmp_path / "made.sf3"
    path.write_bytes(made_sf3(frequency=440.0))
    midi = pretty_midi.PrettyMIDI()
    midi.instruments = [pretty_midi.Instrument(0)]
    midi.instruments[0].notes = [pretty_midi.Note(100, 69, 0.0, 1.0)]
    sound = synthesize(midi, duration_s=1.0, soundfont=path)[0, : SAMPLE_RATE // 2]
    assert np.abs(sound).max() > 0.01
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    assert abs(spectrum.argmax() * 2 - 440) <= 4
