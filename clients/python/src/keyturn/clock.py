"""Both clocks and chance, so that tests can hold them."""

from __future__ import annotations

import random
import time
from typing import Callable, NamedTuple


class Clock(NamedTuple):
    """Seconds, and a random number in [0, 1). The system's randomness: processes that forked do not draw the same numbers."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    unit: Callable[[], float] = random.SystemRandom().random
