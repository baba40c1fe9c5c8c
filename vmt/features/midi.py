"""MIDI files that people bring, read behind one boundary: the only place that parses them.

mido and pretty_midi raise whatever they trip over, so everything that they raise becomes an
`AnnotationError`. What does not change the notes (a key signature that does not exist, text in an
unknown encoding) is left out and the file is read without it.
"""

import io
import warnings

import mido
import pretty_midi

from vmt.errors import AnnotationError

MAX_BYTES = 20 << 20
MAX_TICK = 1e7


def read_midi(data: bytes, name: str) -> pretty_midi.PrettyMIDI:
    """The notes of a MIDI file.

    Args:
        data: the file's bytes.
        name: what messages call the file.

    Raises:
        AnnotationError: naming `name` and why it cannot be read.
    """
    if len(data) > MAX_BYTES:
        raise AnnotationError(
            f"{name}: {len(data) >> 20} MiB, and a MIDI file has up to {MAX_BYTES >> 20}; export "
            "the notes alone"
        )
    try:
        with warnings.catch_warnings():
            # pretty_midi warns of tempo changes outside the first track and reads them not.
            warnings.simplefilter("ignore")
            return pretty_midi.PrettyMIDI(io.BytesIO(_without_bad_signatures(data)))
    except Exception as error:  # whatever two parsers let through
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise AnnotationError(
            f"{name}: is not a MIDI file that can be read ({reason}); export it again or remove it"
        ) from error


def _without_bad_signatures(data: bytes) -> bytes:
    """The same file without key signatures that do not exist; other bytes stay as they are."""
    try:
        mido.MidiFile(file=io.BytesIO(data))
        return data
    except mido.KeySignatureError:
        pass

    # FF 59 02 sf mi: sf counts sharps (1 to 7) or flats (-1 to -7), mi is 0 or 1.
    fixed, place = bytearray(data), 0
    while (place := data.find(b"\xff\x59\x02", place)) >= 0 and place + 5 <= len(data):
        sharps = int.from_bytes(data[place + 3 : place + 4], "big", signed=True)
        if not -7 <= sharps <= 7 or data[place + 4] > 1:
            fixed[place + 3 : place + 5] = b"\0\0"
        place += 5
    return bytes(fixed)
