"""`python -m lab.matrix`: judge the judge. A thin wrapper around `lab.matrix`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.faults import FAULTS
from lab.matrix import pairs, plan, table
from lab.matrix.cache import Cache
from lab.matrix.origin import Origin, origin
from lab.matrix.results import Results
from lab.matrix.runner import STEPS, Runner

HERE = Path(__file__).parents[1]
KEPT = HERE / ".cache"
README = HERE.parent / "README.md"
BASELINE = 20
PAIRS = 60
WORKERS = 2 * (os.cpu_count() or 1)
"""Trials wait for a third to half of their time: for counters, races and clients that may be late."""

DESCRIPTION = """\
Puts the contract tests in front of every fault, conforming variant and hostile host of the lab, and says what
they catch, what they accuse wrongly and what they cost.

steps, in this order unless some are named, and their work on one quiet core:
  prove         each switch once, to see that it takes effect                            1 min
  plain         all of the judge on the plain server, once for each way to spend         20 s
  faults        each fault, the judge narrowed to what it breaks; survivors once more
                with all of it                                                           6 min
  pairs         faults that show only sometimes (for one kind of caller, once in ten
                times, late...) under all of the judge: a sample of the proven pairs    20 min
  mock          faults that only a control plane shows, on the mock                      20 s
  none          each fault with --spend none, and what a conforming server would
                have charged                                                             6 min
  variants      every conforming variant under all of the judge, five to each of 50
                servers, and alone where one of these is accused                         5 min
  hostile       each hostile host, with --spend none and sample                          3 min
  seeds         five servers, ten seeds of the generated examples each                   6 min
  baseline      default schemathesis on a sample of the faults                          12 min
"""

EPILOG = """\
Each result is kept at once in the cache, so a run that was interrupted goes on where it was, and steps can be
run one by one. A result counts as long as the code, faults and facts that it used are the same, comments and
formatting aside; --trust-cache lets others count as well, and the report says how many they are.

What is published names the commit: --write refuses to begin while files differ from it, or to write when
results of other code are among those that count. --output writes anything and says so.

examples:
  python -m lab.matrix --write              all that is missing, then the table and the picture in lab/
  python -m lab.matrix --output reports     the same for CI: table, picture and every row in this folder
  python -m lab.matrix faults none          two steps
  python -m lab.matrix faults --select 'stream-*' --again
                                            these faults once more
  python -m lab.matrix pairs --pairs 40 --seed 7
                                            another sample of the faults that show only sometimes
  python -m lab.matrix table --write        nothing is run, the cache is summed up
"""


SUM_UP = "table"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.matrix",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "steps", nargs="*", metavar="STEP", help="what to run (default: all); `table` runs nothing"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="publish: kill_matrix.md and .svg in lab/, the table in README.md, all rows in lab/.cache",
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="write kill_matrix.md, .svg and .json into this folder"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=KEPT / "kill_matrix.jsonl",
        metavar="FILE",
        help="where results are kept (lab/.cache/kill_matrix.jsonl)",
    )
    parser.add_argument(
        "--trust-cache", action="store_true", help="let results of other versions of the code count"
    )
    parser.add_argument(
        "--again", action="store_true", help="run what is selected even if it is in the cache"
    )
    parser.add_argument(
        "--select",
        action="append",
        default=[],
        metavar="PATTERN",
        help="only faults, variants and hosts whose name fits, for example 'stream-*'; may be repeated",
    )
    parser.add_argument(
        "--workers", type=int, default=WORKERS, metavar="N", help=f"trials that run side by side ({WORKERS})"
    )
    parser.add_argument(
        "--pairs",
        type=int,
        default=PAIRS,
        metavar="N",
        help=f"size of the sample of faults that show only sometimes, at most {len(pairs.all_pairs())} "
        f"({PAIRS}); 0 takes all",
    )
    parser.add_argument(
        "--seed", type=int, default=plan.SEED, metavar="N", help="another number draws another such sample"
    )
    parser.add_argument(
        "--baseline-faults",
        type=int,
        default=BASELINE,
        metavar="N",
        help=f"size of the sample of the baseline, at most {len(FAULTS)} ({BASELINE})",
    )
    return parser


def write(results: Results, made_from: Origin, report: Path, rows: Path) -> None:
    """Write the report and the picture into one folder, and all rows into another."""
    report.mkdir(parents=True, exist_ok=True)
    rows.mkdir(parents=True, exist_ok=True)
    (report / "kill_matrix.md").write_text(table.markdown(results, made_from), encoding="utf-8")
    (report / "kill_matrix.svg").write_text(table.figure(results), encoding="utf-8")
    text = json.dumps(table.data(results, made_from), separators=(",", ":")).replace("],[", "],\n[")
    (rows / "kill_matrix.json").write_text(text + "\n", encoding="utf-8")


def objection(made_from: Origin, stale: int) -> str:
    """Why this may not be published; empty if it may."""
    if not made_from.clean:
        return f"--write publishes what one commit does; this is {made_from}. Commit first, or use --output."
    if stale:
        return f"--write publishes results of one commit; {stale} are of other code. Leave --trust-cache out."
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps; 2 when nothing may be published, 130 after an interruption, else 0."""
    command = parser()
    options = command.parse_args(arguments)
    if unknown := [step for step in options.steps if step not in STEPS and step != SUM_UP]:
        command.error(f"no step is called {unknown[0]}; there are {', '.join(STEPS)} and {SUM_UP}")
    cache, made_from = Cache(options.cache, trusting=options.trust_cache), origin()
    # Known before the work begins, rather than after half an hour of it.
    if options.write and (reason := objection(made_from, 0)):
        command.error(reason)
    runner = Runner(cache, options)
    try:
        for step in options.steps or STEPS:
            if step in STEPS:
                STEPS[step](runner)
    except KeyboardInterrupt:
        print("interrupted; what is done is kept", file=sys.stderr)
        return 130
    results = Results(cache)
    print("\n".join([*table.summary(results), "", *table.triggers(results)]))
    if options.output:
        write(results, origin(), options.output, options.output)
    if options.write:
        if (now := origin()) != made_from:
            command.error(f"the code was {made_from} and is {now}: nothing is published")
        if reason := objection(made_from, cache.stale):
            command.error(reason)
        write(results, made_from, HERE, KEPT)
        README.write_text(
            table.in_readme(README.read_text(encoding="utf-8"), results, made_from), encoding="utf-8"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
