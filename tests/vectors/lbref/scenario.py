# SPDX-License-Identifier: GPL-2.0-only
"""Scenario files: what is set up before the packets of a suite, and between them."""

from . import wire


class Error(Exception):
    pass


def words_and_options(words):
    """"a b c=d" is (["a", "b"], {"c": "d"})."""
    plain = [w for w in words if "=" not in w]
    return plain, dict(w.split("=", 1) for w in words if "=" in w)


class Step:
    """One line: a verb, its words, its key=value options."""

    def __init__(self, line):
        words = line.split()
        self.verb = words[0]
        self.words, self.options = words_and_options(words[1:])


class Scenario:
    """steps: before the first packet; before[name]: before the packet of that name."""

    def __init__(self, path):
        self.steps, self.before = [], {}
        current = self.steps
        with open(path, encoding="ascii") as file:
            for line in file:
                line = line.split("#")[0].strip()
                if not line:
                    continue
                step = Step(line)
                if step.verb == "before":
                    current = self.before.setdefault(step.words[0], [])
                else:
                    current.append(step)


class Vip:
    def __init__(self, step):
        text, port, proto = step.words
        self.net = wire.prefix(text)
        self.is_cidr = "/" in text
        self.port = int(port)
        self.proto = {"tcp": wire.TCP, "udp": wire.UDP}[proto]
        self.flags = set(filter(None, step.options.get("flags", "").split(",")))
        self.encap = step.options.get("encap", "ipip")
        self.table = step.options.get("table", "flows")
        self.kind = step.options.get("ring", "maglev1")
        self.window = int(step.options.get("window", "60"))
        self.weights = {}  # by address
        self.down = set()
        self.ring = None  # as built last
        self.changed = set()  # positions, table=transitions
        self.previous = {}  # the oldest real of a changed position

    def name(self):
        return self.net, self.port, self.proto


class Real:
    def __init__(self, addr):
        self.addr = addr
        self.mac = None
        self.is_local = False
        self.epoch = 0
