"""One path from frames and sound to `Features`, for training and generation alike."""
