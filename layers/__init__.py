"""The layers of the platform, each built on those before it: plain functions that return frozen dataclasses."""

import atexit
import gc

# The program ends within seconds. At its usual pace the collector takes a seventh of them, and a third more as Python ends: whatever
# was imported is then visited once again, to free what the kernel frees anyway.
gc.set_threshold(1_000_000)
atexit.register(gc.freeze)
