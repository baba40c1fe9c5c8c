"""Scores of chords, rhythm and finished soundtracks."""
