"""Which run serves: the nightly decision, the gate and the champion."""
