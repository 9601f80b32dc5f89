"""`python tests/mutants`: plant each bug, run the test that must go red on it. Exit 1 if a bug survives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from catalogue_of_mutants import MUTANTS, Caught, publish
from mutant import ROOT, SOURCE, Mutant
from planting import Source
from workshop import Workshop, open_workshop

COMMAND = ".venv/bin/python tests/mutants"


def main() -> int:
    """0: every bug was caught. 1: one survived. 2: the tests are not green without a bug."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("words", nargs="*", help="only bugs whose name or function holds one of these")
    parser.add_argument("--write", action="store_true", help="write what was found to docs/mutants.md")
    parser.add_argument("--part", metavar="1/2", default="1/1", help="only the first half, so that two can run at once")
    options = parser.parse_args()
    part, parts = map(int, options.part.split("/"))
    chosen = [one for one in MUTANTS if not options.words or any(word in _label(one) for word in options.words)]
    chosen = chosen[part - 1 :: parts]
    source = Source(ROOT / SOURCE)
    for mutant in chosen:
        source.fit(mutant)
    with open_workshop() as workshop:
        if not _is_green(workshop, chosen):
            return 2
        caught = _plant_all(workshop, chosen)
    if len(caught) < len(chosen):
        return 1
    if options.write:
        publish(caught, command=COMMAND)
    return 0


def _label(mutant: Mutant) -> str:
    return f"{mutant.name} {mutant.function}"


def _is_green(workshop: Workshop, chosen: Sequence[Mutant]) -> bool:
    """Whether all the tests pass while nothing is planted."""
    verdict = workshop.run(list(dict.fromkeys(mutant.test for mutant in chosen)), patience_seconds=900)
    print(f"{'green' if verdict.is_green else 'NOT GREEN'} without a bug, {verdict.seconds:.0f} s", flush=True)
    if not verdict.is_green:
        print(verdict.output, file=sys.stderr)
    return verdict.is_green


def _plant_all(workshop: Workshop, chosen: Sequence[Mutant]) -> list[Caught]:
    caught: list[Caught] = []
    for number, mutant in enumerate(chosen, start=1):
        with workshop.planted(mutant):
            verdict = workshop.run([mutant.test])
        if verdict.red is not None:
            caught.append(Caught(mutant, verdict.red, verdict.seconds))
        how = f"by {verdict.red}" if verdict.red else ("all green" if verdict.is_green else "no test failed")
        word = "caught  " if verdict.red else "SURVIVED"
        print(f"{number:3}/{len(chosen)} {verdict.seconds:5.1f} s  {word} {mutant.name}: {how}", flush=True)
        if verdict.red is None:
            print(verdict.output, file=sys.stderr)
    return caught


if __name__ == "__main__":
    sys.exit(main())
