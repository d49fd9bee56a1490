#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: GPL-2.0-only
"""
The load balancer's reference.

    reference.py --check FILE.tsv SCENARIO    run the packets of FILE, compare the results
    reference.py --make FOLDER                make every suite's FILE.tsv into FOLDER
"""

import pathlib
import sys

from lbref import companions, suites
from lbref.balancer import Balancer
from lbref.scenario import Scenario

HERE = pathlib.Path(__file__).parent


class Run:
    """A scenario set up, through which packets go one after the other."""

    def __init__(self, path):
        self.scenario = Scenario(path)
        programs = [step.words[0] for step in self.scenario.steps if step.verb == "program"]
        self.program = programs[0] if programs else "lb"
        kinds = {"lb": Balancer, "decap": companions.Decap, "health": companions.Health}
        self.lb = kinds[self.program]()
        self.lb.apply([step for step in self.scenario.steps if step.verb != "program"])

    def packet(self, name, frame, mark=0):
        if name in self.scenario.before:
            self.lb.apply(self.scenario.before[name])
        if self.program == "health":
            return self.lb.run_marked(frame, mark)
        return self.lb.run(frame)


def counts_text(lb):
    """What was counted: counters by name, VIPs by number and reals by address with their bytes."""
    rows = [f"{name}\t{count}\t0\n" for name, count in lb.counts.items()]
    rows += [f"{name}\t{packets}\t{size}\n" for name, (packets, size) in lb.traffic.items()]
    return "".join(sorted(rows))


def check(file, scenario):
    """TAP: one point a packet."""
    run = Run(scenario)
    lines = pathlib.Path(file).read_text(encoding="ascii").splitlines()
    failed = 0
    for number, line in enumerate(lines, 1):
        name, verdict, packet, expected, mark = line.split("\t")
        found = run.packet(name, bytes.fromhex(packet), int(mark))
        good = found == (verdict, bytes.fromhex(expected))
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
        if not good:
            print(f"# expected {verdict} {expected}\n# found    {found[0]} {found[1].hex()}")
    print(f"1..{len(lines)}")
    return 1 if failed else 0


def make(folder):
    scenarios = {path.stem for path in HERE.glob("*.scenario")}
    for name, packets in suites.all_suites():
        scenarios.discard(name)
        run = Run(HERE / f"{name}.scenario")
        rows = []
        for case, frame in packets:
            verdict, out = run.packet(f"{name}-{case}", frame)
            rows.append(f"{name}-{case}\t{verdict}\t{frame.hex()}\t{out.hex()}\t0\n")
        missing = set(run.scenario.before) - {row.split("\t")[0] for row in rows}
        if missing:
            sys.exit(f"{name}.scenario: no such case: {', '.join(sorted(missing))}")
        (pathlib.Path(folder) / f"{name}.tsv").write_text("".join(rows), encoding="ascii")
        if run.program == "lb":
            counts = counts_text(run.lb)
            (pathlib.Path(folder) / f"{name}.counts").write_text(counts, encoding="ascii")
    if scenarios:
        sys.exit(f"no suite for {', '.join(sorted(scenarios))}")
    return 0


def main(words):
    if len(words) == 3 and words[0] == "--check":
        return check(words[1], words[2])
    if len(words) == 2 and words[0] == "--make":
        return make(words[1])
    print(__doc__.strip(), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
