"""The quality of a chord from any common spelling: Harte, lead sheet, Chordino and iReal.

A spelling becomes a set of degrees with their semitones above the root (a #9 is no minor third, so
a degree says more than a pitch class), and the degrees decide one of AMT's qualities: the third
first, then the seventh, the fifth and the sixth.

Sources: Harte et al. 2005 (`root:shorthand(degrees)/bass`); Chordino's chord dictionary; the chord
qualities of iReal Pro.
"""

import re

Degrees = dict[int, int]
"""Semitones above the root by degree: 3 is 3 or 4, 7 is 9, 10 or 11, 9 is 13, 14 or 15."""

_MAJOR_SCALE = {1: 0, 2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 11}
_TRIADS: dict[str, Degrees] = {
    "maj": {1: 0, 3: 4, 5: 7},
    "min": {1: 0, 3: 3, 5: 7},
    "dim": {1: 0, 3: 3, 5: 6},
    "hdim": {1: 0, 3: 3, 5: 6, 7: 10},
    "aug": {1: 0, 3: 4, 5: 8},
}

# What other alphabets write for a sign of the grammar.
_SIGNS = str.maketrans(
    {
        "♭": "b", "♯": "#", "𝄫": "bb", "𝄪": "##", "♮": "",
        "−": "-", "–": "-", "‐": "-", "‑": "-",
        "º": "°", "˚": "°", "Ø": "ø",
        "∆": "Δ", "△": "Δ", "▵": "Δ", "^": "Δ",
        "⁺": "+", "＃": "#", "（": "(", "）": ")",
        "⁵": "5", "⁶": "6", "⁷": "7", "⁹": "9",
    }
)  # fmt: skip

_FAMILIES = tuple(
    (name, re.compile(pattern))
    for name, pattern in (
        ("hdim", r"hdim|half-?dim|oh|ø|h"),
        ("dim", r"dim(?:inished)?|°|o(?!mit)"),
        ("aug", r"aug(?:mented)?|\+"),
        ("min", r"minor|[mM]in|MIN|[mM]i|MI|m(?!aj|a\d|a$)|-"),
        ("maj", r"[mM]ajor|[mM]aj|MAJ|[mM]a|MA|M|Δ|j"),
        ("dom", r"dom(?:inant)?"),
    )
)
_FIFTH_OR_ELEVENTH = re.compile(r"-5|\+5|\+11")
_PART = re.compile(
    r"(?P<alter>(?:b+|#+|\+|-)(?=\d)(?P<altered>\d+))"
    r"|(?P<major_seventh>(?:[mM]aj|MAJ|[mM]a|MA|M|Δ|j)(?P<over>7|9|11|13)?)"
    r"|add(?P<added>[b#]?\d+)"
    r"|(?P<sus>sus(?P<suspended>[24/sus]*))"
    r"|(?P<omit>(?:no|omit)(?P<omitted>[35]))"
    r"|(?P<alt>alt(?:ered)?)"
    r"|(?P<six_nine>6/?9)"
    r"|(?P<plain>13|11|[245679])"
    r"|(?P<mark>\+)"
)
_DEGREE = re.compile(r"(?P<absent>\*?)(?P<sign>b*|#*)(?P<degree>\d+)")


def simplify(text: str) -> str:
    """The text with the signs of other alphabets written in ASCII, such as `Bb` for `B♭`."""
    return text.translate(_SIGNS)


def quality(rest: str, *, harte: bool) -> str | None:
    """One of AMT's qualities for what follows a chord's root, without its bass.

    Args:
        rest: such as `m7b5`, `:maj7(9)` without its colon, or nothing.
        harte: whether the chord has Harte's colon; in its parentheses stand degrees of the major
            scale, so that `(7)` is a major seventh there.

    Returns:
        The quality, or None where `rest` is no spelling of one.
    """
    degrees = _harte(rest) if harte else None
    if degrees is None:
        degrees = _lead_sheet(_without_parentheses(rest)) if rest or not harte else None
    return None if degrees is None else nearest(degrees)


def _harte(rest: str) -> Degrees | None:
    shorthand, parenthesis, listed = rest.partition("(")
    degrees = _lead_sheet(shorthand) if shorthand else {1: 0} if parenthesis else None
    return _with_listed(degrees, listed) if degrees is not None and parenthesis else degrees


def _without_parentheses(rest: str) -> str:
    """`7b9#11` for `7(b9,#11)` and `7(b9/#11)`; what is not closed stays and is no spelling."""
    return re.sub(r"[(\[]([^()\[\]]+)[)\]]", lambda inner: re.sub(r"[,/]", "", inner[1]), rest)


def _with_listed(degrees: Degrees, listed: str) -> Degrees | None:
    """Harte's list of degrees, added or, with a `*`, left out."""
    if not listed.endswith(")"):
        return None

    degrees = dict(degrees)
    for item in listed[:-1].split(","):
        match = _DEGREE.fullmatch(item.strip())
        if match is None or not 1 <= int(match["degree"]) <= 13:
            return None
        degree = int(match["degree"])
        if match["absent"]:
            degrees.pop(degree, None)
        else:
            degrees[degree] = _semitones(degree, match["sign"])
    return degrees


def _semitones(degree: int, sign: str) -> int:
    octaves, step = divmod(degree - 1, 7)
    return 12 * octaves + _MAJOR_SCALE[step + 1] + len(sign) * (-1 if sign.startswith("b") else 1)


def _lead_sheet(text: str) -> Degrees | None:
    """Degrees of a quality as lead sheets, Chordino and iReal write it; None if it is none."""
    text = text.replace("m/M", "mM").replace("m/m", "mm").replace("min/m", "minm")
    family, position, major_mark = "maj", 0, False
    # `C-5`, `C+5` and `C+11` alter a degree of a major chord; `C-7` and `C+7` name the triad.
    if not _FIFTH_OR_ELEVENTH.match(text):
        name, position = _family(text)
        family, major_mark = ("maj" if name in ("", "dom") else name), name == "maj"
        if text in ("Δ", "j"):
            return {**_TRIADS["maj"], 7: 11}
        if text == "1":
            return {1: 0}
    degrees = dict(_TRIADS[family])

    while position < len(text):
        part = _PART.match(text, position)
        if part is None or not _apply(part, degrees, family, major_mark, first=position == 0):
            return None
        major_mark = False
        position = part.end()
    return degrees


def _family(text: str) -> tuple[str, int]:
    """The word or sign that a quality begins with, and where it ends; none is no error."""
    for name, pattern in _FAMILIES:
        if (match := pattern.match(text)) is not None:
            return name, match.end()
    return "", 0


def _apply(
    part: re.Match[str], degrees: Degrees, family: str, major_mark: bool, first: bool
) -> bool:
    """Change `degrees` by one part of a spelling; False if it has no meaning there."""
    if part["alter"]:
        return _alter(int(part["altered"]), part["alter"].rstrip("0123456789"), degrees)
    if part["major_seventh"]:
        degrees[7] = 11
    elif part["added"]:
        sign, degree = part["added"].rstrip("0123456789"), part["added"].lstrip("b#")
        if not 2 <= int(degree) <= 13:
            return False
        # An added second or fourth is a ninth or eleventh beside the third, no suspension.
        degrees[{2: 9, 4: 11}.get(int(degree), int(degree))] = _semitones(int(degree), sign)
    elif part["sus"]:
        degrees.pop(3, None)
        suspended = part["suspended"].replace("sus", "").replace("/", "")
        if suspended not in ("", "2", "4", "24", "42"):
            return False
        degrees.update({int(degree): _MAJOR_SCALE[int(degree)] for degree in suspended or "4"})
    elif part["omit"]:
        degrees.pop(int(part["omitted"]), None)
    elif part["alt"]:
        degrees[7] = 10
    elif part["six_nine"]:
        degrees.update({6: 9, 9: 14})
    elif part["mark"]:
        degrees[5] = 8
    else:
        return _number(int(part["plain"]), degrees, family, major_mark, first)
    return True


def _alter(degree: int, sign: str, degrees: Degrees) -> bool:
    if not 2 <= degree <= 13:
        return False
    sign = {"+": "#", "-": "b"}.get(sign, sign)
    degrees[degree] = _semitones(degree, sign)
    return True


def _number(number: int, degrees: Degrees, family: str, major_mark: bool, first: bool) -> bool:
    """A bare number: the seventh or what lies above it, a sixth, or a chord without a third."""
    if number in (7, 9, 11, 13):
        degrees.setdefault(7, 11 if major_mark else 9 if family == "dim" else 10)
        degrees[number] = degrees[7] if number == 7 else _semitones(number, "")
    elif number == 6:
        degrees[6] = 9
    elif number == 2 and (first or major_mark):
        degrees.pop(3)
        degrees[2] = 2
    elif number == 4 and (first or major_mark):
        degrees.pop(3)
        degrees[4] = 5
    elif number == 5 and first:
        degrees.pop(3)
    else:
        return number in (2, 4, 5) and not first
    return True


def nearest(degrees: Degrees) -> str:
    """The quality of AMT that says most of these degrees; the third decides before the rest."""
    third, fifth, seventh = (degrees.get(degree) for degree in (3, 5, 7))
    sixth = degrees.get(6, degrees.get(13)) in (9, 21) and seventh is None
    if third is not None and third <= 3:
        return _minor_quality(fifth, seventh, sixth)
    if third is not None:
        return _major_quality(fifth, seventh, sixth)
    if 4 in degrees or 11 in degrees:
        return "sus4"
    if 2 in degrees or 9 in degrees:
        return "sus2"
    if fifth == 6 and seventh != 10:
        return "dim7" if seventh == 9 else "dim"
    return _major_quality(fifth, seventh, sixth)


def _minor_quality(fifth: int | None, seventh: int | None, sixth: bool) -> str:
    if fifth == 6:
        return {10: "hdim7", 9: "dim7"}.get(seventh or 0, "dim7" if sixth else "dim")
    if seventh == 10:
        return "min7"
    return "min6" if sixth or seventh == 9 else "min"


def _major_quality(fifth: int | None, seventh: int | None, sixth: bool) -> str:
    if seventh in (10, 11):
        return "7" if seventh == 10 else "maj7"
    if sixth or seventh == 9:
        return "maj6"
    return "aug" if fifth == 8 else "maj"
