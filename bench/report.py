"""Figures on the terminal and in bench/results, with the machine and the commit they belong to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SUMMED_UP = ("## The same rows", "## Ratios")
# While others keep so many cores busy, milliseconds say more about them than about the engine.
NOISY_CORES = 0.5
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Goal:
    """A gate: the figure that was reached, and its bound."""

    name: str
    reached: float
    bound: float
    is_at_most: bool = False
    unit: str = "x"
    word: str = "goal"

    @property
    def is_absolute(self) -> bool:
        """Whether the figure is no ratio: it says as much about the machine as about the engine."""
        return self.unit != "x"

    @property
    def is_met(self) -> bool:
        """Whether the figure is on the right side of its bound."""
        return self.reached <= self.bound if self.is_at_most else self.reached >= self.bound

    def floor(self) -> Goal:
        """A gate that fails only if something is broken.

        A third: on a busy machine, the figure furthest from its goal fell to 0.42 of it.
        """
        bound = self.bound * 3 if self.is_at_most else self.bound / 3
        return replace(self, bound=bound, word="floor")

    def line(self) -> str:
        """The goal in one line."""
        return f"{'PASS' if self.is_met else 'FAIL'}  {self}"

    def __str__(self) -> str:
        sign = "≤" if self.is_at_most else "≥"
        return f"{self.name}: {self.reached:.2f} {self.unit} ({self.word} {sign} {self.bound:.3g} {self.unit})"


@dataclass
class Report:
    """One run of one measurement. Its figures are worthless if there are `problems`."""

    what: str
    parameters: dict[str, Any]
    machine: dict[str, Any] = field(default_factory=dict)
    commit: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sections: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    noise_cores: float = 0.0

    @property
    def is_good(self) -> bool:
        """Every goal is met that can be judged, and the figures can be trusted."""
        return not self.problems and all(goal.is_met for goal in self.goals if self._is_judged(goal))

    def _is_judged(self, goal: Goal) -> bool:
        """Whether the figure says something: a floor in milliseconds does not, while others use the machine."""
        return goal.word == "goal" or not goal.is_absolute or self.noise_cores < NOISY_CORES

    def _lines(self) -> list[str]:
        return [goal.line() if self._is_judged(goal) else f"NOT JUDGED, others run  {goal}" for goal in self.goals]

    def add_table(self, title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table under a title."""
        self.sections.append(f"## {title}\n\n{table(head, rows)}")

    def add_text(self, title: str, text: str) -> None:
        """A paragraph under a title."""
        self.sections.append(f"## {title}\n\n{text}")

    def summary(self) -> str:
        """The text of the short form: what each side wrote, the ratios, the verdicts."""
        shown = [section for section in self.sections if section.startswith(SUMMED_UP)]
        lines = [*self._lines(), *(f"NOT TO BE TRUSTED  {problem}" for problem in self.problems)]
        parts = [f"# bench --short: {self.what}", *shown, "\n".join(lines)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def markdown(self) -> str:
        """The report as Markdown, as printed and kept."""
        about = {"commit": self.commit, "started": self.started_at.isoformat(timespec="seconds"), **self.machine}
        about |= self.parameters
        lines = [f"- {name}: {_shown(value)}" for name, value in about.items()]
        parts = [f"# bench: {self.what}", "\n".join(lines), *self.sections]
        if self.goals:
            parts.append("## Goals\n\n" + "\n".join(f"- {goal.line()}" for goal in self.goals))
        if self.problems:
            parts.append("## Not to be trusted\n\n" + "\n".join(f"- {problem}" for problem in self.problems))
        return "\n\n".join(parts) + "\n"

    def save(self) -> Path:
        """The report is in bench/results, as Markdown and as JSON; returns the path of the Markdown."""
        RESULTS.mkdir(exist_ok=True)
        stem = f"{self.started_at:%Y-%m-%d}-{self.commit}-{self.what}"
        path = RESULTS / f"{stem}.md"
        path.write_text(self.markdown())
        goals = [
            {"name": goal.name, "reached": goal.reached, "bound": goal.bound, "is_met": goal.is_met}
            for goal in self.goals
        ]
        kept = {"what": self.what, "commit": self.commit, "started_at": self.started_at.isoformat()}
        kept |= {"machine": self.machine, "parameters": self.parameters, "goals": goals, "problems": self.problems}
        text = json.dumps(kept | {"figures": self.figures}, indent=1, ensure_ascii=False)
        path.with_suffix(".json").write_text(text + "\n")
        return path


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table whose columns are aligned in plain text too."""
    cells = [list(head), *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return "" if value is None else str(value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 100 else f"{value:.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    return str(value)
