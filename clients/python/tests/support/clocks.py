from keyturn import Clock


class Hands:
    """Clocks that a test moves."""

    def __init__(self, unit=0.5):
        self.mono = 1000.0
        self.wall = 1_700_000_000.0
        self.unit = unit

    def pass_(self, seconds):
        self.mono += seconds
        self.wall += seconds

    def clock(self):
        return Clock(lambda: self.mono, lambda: self.wall, lambda: self.unit)
