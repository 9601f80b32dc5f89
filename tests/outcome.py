"""The result of a long run: its violations, how much it saw, and the verdict from both."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What a run found: violations, and how much it saw, against the floors below which it says nothing."""

    name: str
    seed: str
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    floors: dict[str, int] = field(default_factory=dict)

    @property
    def missed(self) -> dict[str, int]:
        """What was seen too seldom, with how often."""
        return {name: self.seen[name] for name, floor in self.floors.items() if self.seen[name] < floor}

    @property
    def verdict(self) -> str:
        """holds, violated, or unknown where too little was seen."""
        return "violated" if self.violations else "unknown" if self.missed else "holds"

    def require(self) -> None:
        """The run saw enough, and nothing was violated; else a test fails with what it takes to repeat it."""
        told = f"{self.name}, seed {self.seed}: {dict(self.seen)}"
        assert self.violations[:10] == [], told
        assert self.missed == {}, told
