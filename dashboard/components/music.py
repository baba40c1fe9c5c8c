"""Chords and keys as musicians write them: spelled by the key, `Ebmaj7` and not `D#:maj7`."""

from dashboard.i18n.text import t
from vmt import chords
from vmt.errors import AnnotationError

HALF_DIMINISHED = "m7b5"


def parsed_key(text: object) -> chords.Key | None:
    """The key that a record names; None where it names none."""
    if isinstance(text, chords.Key):
        return text
    try:
        return chords.parse_key(str(text)) if text else None
    except AnnotationError:
        return None


def key_name(text: object) -> str | None:
    """`Eb major`, in the visitor's language; what is no key stays as it is, None stays None."""
    key = parsed_key(text)
    if key is None:
        return str(text) if text else None
    tonic, mode = chords.spell(key).split()
    return t(f"key.{mode}", tonic=tonic)


def chord_name(label: str, key: chords.Key | None = None) -> str:
    """`Am7` for `A:min7`, the root spelled by the key; what is no chord stays as it is.

    >>> chord_name("D#:maj7", chords.parse_key("Bb major")), chord_name("A:min7"), chord_name("N")
    ('Ebmaj7', 'Am7', 'N')
    """
    try:
        root, colon, quality = chords.spell(label, key).partition(":")
    except AnnotationError:
        return label
    if not colon:
        return root
    if quality == "hdim7":
        return root + HALF_DIMINISHED
    return root + quality.replace("min", "m", 1)
