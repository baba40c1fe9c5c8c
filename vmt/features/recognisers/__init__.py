"""What recognisers hear in a sound: chords and notes."""
