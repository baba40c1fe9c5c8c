"""Soundtracks: from videos to chords, MIDI, FLAC and MP4."""
