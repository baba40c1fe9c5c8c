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
        ("texts", "label"),
        [
            ("C7#9 C7(#9) C:7(#9) C7alt Calt C9#11 C13b9 C7b5 C7#5 C+7 Caug7 C7+ C7-5", "C:7"),
            ("C11 C13#11 C7(b9,#11) C7(b9/#11) C7susadd3 Cdom7 C:11 C:13(b9)", "C:7"),
            ("Cmaj7#11 CΔ7 CΔ C^7 C^ C^9#11 C7M CMaj7 CM7 Cj7 C△7 C:maj(7) Cma9 C^7#5", "C:maj7"),
            ("Cm7(b5) Cm7b5 C-7b5 Cm7-5 Cø Cø7 CØ7 Coh7 Ch7 Ch C−7♭5 C:min7(*5,b5)", "C:hdim7"),
            ("Cm(maj7) CmM7 C-^7 CminMaj7 Cm/maj7 C:minmaj7 Cmadd9 C-add9 C-b6 C-#5 Cm", "C:min"),
            ("C(add9) Cadd2 Cadd9 C5 C-5 C+11 C(b5) C/G C/Bb C/♭7 C:maj/b7 C:maj(9) C:1", "C"),
            ("C2 Csus2 C:sus2 C:maj(*3,2) C:(1,2,5)", "C:sus2"),
            ("C7sus C9sus C7b9sus C13sus4 Csus Csus24 Csus2sus4 C4 C:sus4(b7,9) C11no3", "C:sus4"),
            ("C6 C69 C6/9 C6/9/E C6add9 C:maj6(9) C:maj6/5", "C:maj6"),
            ("C-6 Cm69 Cm6/9 C:min6", "C:min6"),
            ("C-7 Cm7 Cmi7 CMI7 C−7 C-11 Cmin13 Cm9 Cm7#5 C:min11", "C:min7"),
            ("C° Cº Cdim Cmb5 C:dim C:(1,b3,b5) CdimM7", "C:dim"),
            ("C°7 Co7 Cdim7 C:dim7 C:(1,b3,b5,bb7)", "C:dim7"),
            ("C+ Caug C+5 C(#5) C:aug C+add9", "C:aug"),
            ("n nc n.c. N.C x X", "N"),
        ],
    )
    def test_the_spellings_that_people_use(self, texts: str, label: str) -> None:
        for text in texts.split():
            assert chords.label(chords.token(text)) == label, text

    @pytest.mark.parametrize(
        ("text", "label"),
        [
            *[("B♭7", "A#:7"), ("C♯m", "C#:min"), ("Bb-7b5", "A#:hdim7"), ("E♭Δ7", "D#:maj7")],
            *[("E7alt", "E:7"), ("F#m7-5", "F#:hdim7"), ("D7sus", "D:sus4"), ("Abm/Gb", "G#:min")],
            *[("D:7(#9)", "D:7"), ("A𝄫", "G"), ("F𝄪:min", "G:min"), ("\ufeffC:maj", "C")],
        ],
    )
    def test_roots_in_any_script(self, text: str, label: str) -> None:
        assert chords.label(chords.token(text)) == label

    @pytest.mark.parametrize("third", ["3", "b3"])
    @pytest.mark.parametrize("others", ["b5,b7,b9", "#5,b7,#9", "5,7,9", "#9,#11,13", "b5,bb7,#11"])
    def test_the_third_decides(self, third: str, others: str) -> None:
        tones = chords.pitch_classes(chords.token(f"C:(1,{third},{others})"))
        assert ((3 if third == "b3" else 4) in tones) != ((4 if third == "b3" else 3) in tones)

    @pytest.mark.parametrize(
        "text", ["C:", "C()", "C7(", "C/", "C/H", "Cm7b99", "C:(14)", "C:7(x)", "C7b", "Comi"]
    )
    def test_what_is_half_a_chord(self, text: str) -> None:
        with pytest.raises(AnnotationError, match="is not a chord; write one like"):
            chords.token(text)

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
            ("E♭ Major", (3, False)),
            ("B-flat minor", (10, True)),
            ("F sharp min", (6, True)),
            ("C♯m", (1, True)),
            ("GM", (7, False)),
        ],
    )
    def test_spellings(self, text: str, key: tuple[int, bool]) -> None:
        assert chords.parse_key(text) == chords.Key(*key)

    @pytest.mark.parametrize("text", ["", "H major", "C dorian", "major", "1"])
    def test_what_is_no_key(self, text: str) -> None:
        with pytest.raises(AnnotationError, match="is not a key; write one like"):
            chords.parse_key(text)


class TestSpell:
    """Names as people write them, by key."""

    @pytest.mark.parametrize(
        ("key", "names"),
        [
            ("Eb major", "Eb F:min G:min Ab Bb:7 C:min D:dim Db Gb:7 Bb:min A:dim7 F#:dim7 N"),
            ("C major", "C D:min F G:7 Bb Eb Ab Db C#:dim7 F#:dim7 G#:dim7 C#:min F#:min F:min"),
            ("E major", "E F#:min G#:min A B:7 C#:min D#:dim D G C"),
            ("A minor", "A:min B:dim C D:min E E:7 F G G#:dim7 Bb C#:dim7"),
            ("C minor", "C:min D:dim Eb F:min G:7 Ab Bb B:dim7 Db F#:dim7"),
            ("D# minor", "Eb:min F:dim Gb Ab:min Bb:7 Cb Db D:dim7"),
            ("F# major", "F# G#:min A#:min B C#:7 D#:min E#:dim F"),
            ("C# minor", "C#:min D#:dim E F#:min G#:7 A B"),
            ("Db major", "Db Eb:min F:min Gb Ab:7 Bb:min C:dim Cb"),
        ],
    )
    def test_chords_by_their_key(self, key: str, names: str) -> None:
        for name in names.split():
            label = chords.label(chords.token(name))
            assert chords.spell(label, chords.parse_key(key)) == name

    def test_keys_have_their_signatures(self) -> None:
        majors = [chords.spell(chords.Key(tonic, False)) for tonic in range(12)]
        minors = [chords.spell(chords.Key(tonic, True)) for tonic in range(12)]
        tonics = "C Db D Eb E F F# G Ab A Bb B"
        assert " ".join(majors).replace(" major", "") == tonics
        tonics = "C C# D Eb E F F# G G# A Bb B"
        assert " ".join(minors).replace(" minor", "") == tonics
        assert chords.spell("D# major") == "Eb major"

    @given(tokens, keys)
    def test_what_is_spelled_is_read(self, number: int, key: chords.Key) -> None:
        assert chords.token(chords.spell(chords.label(number), key)) == number
        assert chords.parse_key(chords.spell(key)) == key
        lab = f"key {chords.spell(key)}\n0 {chords.spell(chords.label(number), key)}\n"
        published = chords.format_lab([chords.label(number)], key)
        assert chords.parse_lab(lab, "a.lab") == chords.parse_lab(published, "a.lab")


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
        "text",
        [
            "\ufeff0.000 2.000 C:maj\n2.000 4.0 A:min\n",
            "# by hand\n0.0 2.0 C:maj\n2.0 4.0 A:min # the bridge\n",
            "; a\n% b\n// c\n0,2,C:maj\n2;4;Am\n",
            "0.0 2.0 C:maj\n2.0 2.0 G:maj\n2.0 4.0 A:min\n",
            "0.0 2.0 C:maj\n2.0 4.0 A:min\n4.001 4.0 N\n",
            "-1 0 G\n-0.01 2.0 C:maj\n2.0 4.0 A:min\n",
            "0 C\n1 C\n2 A−\n3 Am/C\n",
            "0,C\n1,C\n2,A:min(9,11)\n3,Am\n",
        ],
    )
    def test_dirty_data_is_read(self, text: str) -> None:
        lab = chords.parse_lab(text, "a.lab")
        assert lab.each_second(5) == ("C", "C", "A:min", "A:min", "N")

    def test_lead_sheet_chords(self) -> None:
        lab = chords.parse_lab("0 C7#9\n1 F7b5\n2 Bm7(b5)\n3 E7alt\n", "a.lab")
        assert lab.labels == ("C:7", "F:7", "B:hdim7", "E:7")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("0 C\n1 H\n", "a.lab, line 2: chord 'H' is not a chord"),
            ("0 1 2 C\n", "a.lab, line 1: 4 words; write 'start end chord'"),
            ("C\n", "a.lab, line 1: 1 words"),
            ("0 C\nx C\n", "a.lab, line 2: "),
            ("2 1 C\n", "a.lab: no chord in it"),
            ("2 2 H\n", "a.lab, line 1: chord 'H' is not a chord"),
            ("-2 -1 C\n", "a.lab: no chord in it"),
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
