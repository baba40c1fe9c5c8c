"""Chord and key labels: golden values from DESIGN.md's vocabulary, and properties."""

import mir_eval
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmt import chords
from vmt.errors import AnnotationError, VmtError

LABELS = [chords.label(number) for number in range(chords.END)]
tokens = st.integers(0, chords.END - 1)
any_tokens = st.lists(st.integers(0, chords.VOCABULARY_SIZE - 1), max_size=30).map(
    lambda each: np.array(each, np.int64)
)
semitones = st.integers(-30, 30)
keys = st.builds(chords.Key, st.integers(0, 11), st.booleans())


class TestVocabulary:
    def test_amts_order(self) -> None:
        """As DESIGN.md lists it."""
        qualities = [
            "",
            "dim",
            "sus4",
            "min7",
            "min",
            "sus2",
            "aug",
            "dim7",
            "maj6",
            "hdim7",
            "7",
            "min6",
            "maj7",
        ]
        roots = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
        assert [
            "N",
            *(f"{root}:{each}" if each else root for root in roots for each in qualities),
        ] == LABELS
        assert (chords.N, chords.END, chords.PAD, chords.VOCABULARY_SIZE) == (0, 157, 158, 159)

    @pytest.mark.parametrize(
        ("label", "number"),
        [
            ("N", 0),
            ("C", 1),
            ("C:min", 5),
            ("C:maj7", 13),
            ("C#", 14),
            ("A:min", 122),
            ("B:maj7", 156),
        ],
    )
    def test_golden_numbers(self, label: str, number: int) -> None:
        assert chords.token(label) == number
        assert chords.label(number) == label

    @given(tokens)
    def test_label_and_token_are_inverse(self, number: int) -> None:
        assert chords.token(chords.label(number)) == number

    def test_roots_and_qualities_tell_tokens_apart(self) -> None:
        roots, qualities = chords.root_quality(np.arange(chords.VOCABULARY_SIZE))
        assert (
            len(set(zip(roots.tolist(), qualities.tolist(), strict=True))) == chords.VOCABULARY_SIZE
        )
        assert (roots.min(), roots.max(), qualities.min(), qualities.max()) == (0, 14, 0, 15)
        numbers = np.array(
            [chords.N, chords.token("C"), chords.token("B:maj7"), chords.END, chords.PAD]
        )
        roots, qualities = chords.root_quality(numbers)
        assert roots.tolist() == [0, 1, 12, 13, 14]
        assert qualities.tolist() == [0, 1, 13, 14, 15]

    @pytest.mark.parametrize("quality", chords.QUALITIES)
    def test_pitch_classes_are_mir_evals(self, quality: str) -> None:
        for root, name in enumerate(chords.ROOTS):
            number = chords.token(f"{name}:{quality}")
            _, bitmap, _ = mir_eval.chord.encode(f"{name}:{quality}")
            assert set(chords.pitch_classes(number)) == {
                (root + tone) % 12 for tone in np.flatnonzero(bitmap)
            }
            assert chords.pitch_classes(number)[0] == root
        assert chords.pitch_classes(chords.N) == ()


class TestSpellings:
    @pytest.mark.parametrize(
        ("text", "label"),
        [
            *[
                ("C:maj", "C"),
                ("C:maj/3", "C"),
                ("C/E", "C"),
                ("C/5", "C"),
                ("Db", "C#"),
                ("Cb", "B"),
                ("B#", "C"),
                ("E##", "F#"),
            ],
            *[
                ("A:min/b3", "A:min"),
                ("Am", "A:min"),
                ("Am7", "A:min7"),
                ("F#m7b5", "F#:hdim7"),
                ("Bbmaj7", "A#:maj7"),
            ],
            *[
                ("Gsus4", "G:sus4"),
                ("Gsus", "G:sus4"),
                ("G7sus4", "G:sus4"),
                ("Caug", "C:aug"),
                ("C+", "C:aug"),
                ("Bdim", "B:dim"),
            ],
            *[
                ("C6/9", "C:maj6"),
                ("C:maj6(9)", "C:maj6"),
                ("C:9", "C:7"),
                ("C:13", "C:7"),
                ("C:min9", "C:min7"),
                ("C:maj9", "C:maj7"),
            ],
            *[
                ("C:minmaj7", "C:min"),
                ("C:5", "C"),
                ("C:(1,5)", "C"),
                ("C:(1,3,5,b7)", "C:7"),
                ("C:(1,b3,5)", "C:min"),
            ],
            *[("X", "N"), ("NC", "N"), ("N.C.", "N"), (" N ", "N")],
        ],
    )
    def test_any_spelling(self, text: str, label: str) -> None:
        assert chords.label(chords.token(text)) == label

    @pytest.mark.parametrize(
        "text", ["", "H", "c", "C:foo", "Cfoo", "C:maj:maj", "12", "C major", "Z:min", "C:(", "🎵"]
    )
    def test_what_is_no_chord(self, text: str) -> None:
        with pytest.raises(AnnotationError, match="is not a chord; write one like"):
            chords.token(text)

    @given(st.text(alphabet="ABCDEFGNX#b:majinsud0123456789()/*,+-° ", max_size=12))
    def test_every_text_is_a_chord_or_an_error(self, text: str) -> None:
        try:
            assert 0 <= chords.token(text) < chords.END
        except AnnotationError as error:
            assert repr(text) in str(error)  # noqa: PT017

    @pytest.mark.parametrize(
        "quality",
        [
            "maj",
            "min",
            "dim",
            "aug",
            "maj7",
            "min7",
            "7",
            "dim7",
            "hdim7",
            "minmaj7",
            "maj6",
            "min6",
            "9",
            "maj9",
            "min9",
            "sus2",
            "sus4",
        ],
    )
    def test_harte_triads_are_kept(self, quality: str) -> None:
        """Whatever AMT cannot say keeps its root and its third."""
        for root in ("C", "Eb", "F#"):
            text = f"{root}:{quality}"
            number, bitmap, _ = mir_eval.chord.encode(text, reduce_extended_chords=True)
            tones = chords.pitch_classes(chords.token(text))
            assert tones[0] == number
            for third in (3, 4):
                assert bool(bitmap[third]) == ((number + third) % 12 in tones)


class TestReduction:
    def test_golden(self) -> None:
        minor = {"min", "min7", "min6", "dim", "dim7", "hdim7"}
        for number, label in enumerate(LABELS):
            root, _, quality = label.partition(":")
            expected = "N" if label == "N" else f"{root}:min" if quality in minor else root
            assert chords.label(int(chords.REDUCE_25[number])) == expected
        assert len(set(chords.REDUCE_25[: chords.END].tolist())) == 25
        assert chords.REDUCE_25[chords.END :].tolist() == [chords.END, chords.PAD]

    def test_reducing_twice_is_reducing_once(self) -> None:
        np.testing.assert_array_equal(chords.REDUCE_25[chords.REDUCE_25], chords.REDUCE_25)

    @given(any_tokens, semitones)
    def test_it_commutes_with_transposition(self, numbers: np.ndarray, shift: int) -> None:
        np.testing.assert_array_equal(
            chords.transpose(chords.REDUCE_25[numbers], shift),
            chords.REDUCE_25[chords.transpose(numbers, shift)],
        )


class TestTransposition:
    @given(any_tokens, semitones, semitones)
    def test_a_group(self, numbers: np.ndarray, first: int, second: int) -> None:
        np.testing.assert_array_equal(
            chords.transpose(chords.transpose(numbers, first), second),
            chords.transpose(numbers, first + second),
        )
        np.testing.assert_array_equal(chords.transpose(numbers, 12), numbers)

    @given(tokens, semitones)
    def test_pitch_classes_move(self, number: int, shift: int) -> None:
        moved = int(chords.transpose(np.array([number]), shift)[0])
        assert chords.pitch_classes(moved) == tuple(
            (tone + shift) % 12 for tone in chords.pitch_classes(number)
        )

    def test_golden(self) -> None:
        numbers = np.array(
            [chords.token(each) for each in ("N", "C", "A:min7", "B:maj7")]
            + [chords.END, chords.PAD]
        )
        moved = chords.transpose(numbers, 2).tolist()
        assert [chords.label(each) for each in moved[:4]] == ["N", "D", "B:min7", "C#:maj7"]
        assert moved[4:] == [chords.END, chords.PAD]


class TestAffectiveTable:
    def test_published(self) -> None:
        suits = {
            "exciting": {"maj", "sus4", "7"},
            "fearful": {"dim", "min7", "dim7", "hdim7"},
            "tense": {"dim", "sus4", "min7", "7"},
            "sad": {"min7", "min", "sus2"},
            "relaxing": {"maj", "maj6", "maj7"},
            "neutral": set(),
        }
        assert list(suits) == list(chords.EMOTIONS)
        for row, qualities in zip(chords.AFFECTIVE_TARGETS, suits.values(), strict=False):
            found = {LABELS[number] for number in np.flatnonzero(row)}
            assert found == {
                root if each == "maj" else f"{root}:{each}"
                for root in chords.ROOTS
                for each in qualities
            }

    @given(semitones)
    def test_quality_alone_decides(self, shift: int) -> None:
        moved = chords.transpose(np.arange(chords.VOCABULARY_SIZE), shift)
        np.testing.assert_array_equal(chords.AFFECTIVE_TARGETS[:, moved], chords.AFFECTIVE_TARGETS)


class TestKeys:
    @given(keys)
    def test_text_and_back(self, key: chords.Key) -> None:
        assert chords.parse_key(str(key)) == key

    @given(keys)
    def test_normal_is_c_major_or_a_minor(self, key: chords.Key) -> None:
        shift = key.semitones_to_normal
        assert -5 <= shift <= 6
        assert (key.tonic + shift) % 12 == (9 if key.minor else 0)

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("C", (0, False)),
            ("Am", (9, True)),
            ("f# minor", (6, True)),
            ("Db:maj", (1, False)),
            ("Eb:min", (3, True)),
            ("Cb", (11, False)),
            (" C#\n", (1, False)),
        ],
    )
    def test_spellings(self, text: str, key: tuple[int, bool]) -> None:
        assert chords.parse_key(text) == chords.Key(*key)

    @pytest.mark.parametrize("text", ["", "H major", "C dorian", "major", "1"])
    def test_what_is_no_key(self, text: str) -> None:
        with pytest.raises(AnnotationError, match="is not a key; write one like"):
            chords.parse_key(text)


class TestLab:
    @given(st.lists(tokens.map(chords.label), min_size=1, max_size=40), keys)
    def test_what_is_written_is_read(self, labels: list[str], key: chords.Key) -> None:
        lab = chords.parse_lab(chords.format_lab(labels, key), "0042.lab")
        assert lab.key == key
        assert lab.each_second(len(labels)) == tuple(labels)
        assert lab.each_second(len(labels) + 2)[-2:] == ("N", "N")

    def test_format_is_amts(self) -> None:
        assert (
            chords.format_lab(["C", "A:min"], chords.Key(0, False)) == "key C major\n0 C\n1 A:min\n"
        )

    def test_intervals(self) -> None:
        lab = chords.parse_lab("0.0 1.5 C:maj/3\n1.5 3.0\tAm7\n3.0 3.2 X\n", "a.lab")
        assert lab == chords.Annotation((0.0, 1.5, 3.0), ("C", "A:min7", "N"), 3.2, None)
        assert lab.each_second(5) == ("C", "C", "A:min7", "N", "N")

    def test_a_change_on_the_second_counts(self) -> None:
        assert chords.parse_lab("0 2 C\n2 4 G\n", "a.lab").each_second(4) == ("C", "C", "G", "G")

    def test_late_start_is_no_chord(self) -> None:
        assert chords.parse_lab("2.5 4 C\n", "a.lab").each_second(4) == ("N", "N", "N", "C")

    def test_gaps_blank_lines_comments_and_windows_line_ends(self) -> None:
        lab = chords.parse_lab("// by hand\r\nkey A minor\r\n\r\n0 Am\r\n1 E7\r\n", "a.lab")
        assert lab.each_second(2) == ("A:min", "E:7")
        assert lab.key == chords.Key(9, True)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("0 C\n1 H\n", "a.lab, line 2: chord 'H' is not a chord"),
            ("0 1 2 C\n", "a.lab, line 1: 4 words; write 'start end chord'"),
            ("C\n", "a.lab, line 1: 1 words"),
            ("0 C\nx C\n", "a.lab, line 2: "),
            ("2 1 C\n", "a.lab, line 1: 2 to 1 s is not an interval"),
            ("-1 1 C\n", "a.lab, line 1: -1 to 1 s is not an interval"),
            ("0 inf C\n", "a.lab, line 1: 0 to inf s is not an interval"),
            ("nan 1 C\n", "a.lab, line 1: nan to 1 s is not an interval"),
            ("0 1 C\n5 6 G\n4 5 F\n", "a.lab, line 3: starts at 4 s, before the line above it"),
            ("key C dorian\n", "a.lab, line 1: key 'C dorian' is not a key"),
            ("", "a.lab: no chord in it"),
            ("key C major\n", "a.lab: no chord in it"),
        ],
    )
    def test_malformed(self, text: str, message: str) -> None:
        with pytest.raises(AnnotationError) as raised:
            chords.parse_lab(text, "a.lab")
        assert str(raised.value).startswith(message)
        assert "\n" not in str(raised.value)

    @given(st.text(max_size=60))
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        try:
            lab = chords.parse_lab(text, "a.lab")
        except VmtError as error:
            assert isinstance(error, AnnotationError)  # noqa: PT017
        else:
            assert lab.labels
