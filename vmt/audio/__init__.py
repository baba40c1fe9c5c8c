"""From MIDI to finished sound: SoundFont, synthesis, mastering and loudness."""
