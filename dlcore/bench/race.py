"""Two sides that do the same work, timed in turn."""

from statistics import mean, median


class Race:
    """Ours runs before and after each plain run: whatever else the machine does weighs on both.

    Each ratio is a plain run's time over the mean of the two around it.
    """

    def __init__(self) -> None:
        self.ours: list[float] = []
        self.plain: list[float] = []
        self.ratios: list[float] = []

    def add(self, first: float, plain: float, second: float) -> None:
        """A turn, in seconds: ours, the plain side, ours again."""
        self.ours += [first, second]
        self.plain.append(plain)
        self.ratios.append(plain / mean([first, second]))

    def report(self, name: str, *, plain: str, ours: str, goal: float, unit: str = "s") -> None:
        """Print the medians. plain, ours: what each side is; unit: "s" or "ms"."""
        scale = {"s": 1, "ms": 1e3}[unit]
        for side, seconds, about in (
            ("plain loop", self.plain, plain),
            (name, self.ours, ours),
        ):
            print(f"{side:<13} {median(seconds) * scale:7.1f} {unit:<3} ({about})")
        print(f"{'ratio':<13} {median(self.ratios):7.1f}     (goal: at least {goal:g})")
