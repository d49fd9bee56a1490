# SPDX-License-Identifier: GPL-2.0-only
"""What the control plane has set up: VIPs, reals, ids, rings."""

from . import rings, wire
from .scenario import Error, Real, Vip


class State:
    def __init__(self):
        self.gateway = bytes(6)
        self.source4, self.source6 = bytes(4), bytes(16)
        self.gue_port = 6080
        self.settings = {
            "hash": "jhash",
            "too_big": "false",
            "decap": "false",
            "tcp_server_id": "false",
            "tcp_option_kind": "183",
            "mtu": "1500",
        }
        self.vips, self.reals = [], {}
        self.server_ids, self.sources, self.tunnels = {}, [], set()
        self.own_server_id, self.marks, self.local_mac = 0, {}, bytes(6)
        self.vip = None

    def is_set(self, name):
        return self.settings[name] == "true"

    def apply(self, steps):
        """Changes of a VIP's reals in one block are one change of its ring."""
        for step in steps:
            verb = getattr(self, "do_" + step.verb, None)
            if not verb:
                raise Error(f"unknown verb {step.verb!r}")
            verb(step.options, *step.words if step.verb not in ("vip", "at") else [step])
        for vip in self.vips:
            self.change_ring(vip)
        self.forget_unused()

    def change_ring(self, vip):
        ring = rings.build(vip.kind, tuple(sorted(vip.weights.items())))
        if vip.table == "transitions" and vip.ring is not None and vip.window:
            for p in range(rings.SIZE):
                if vip.ring[p] != ring[p]:
                    vip.changed.add(p)
                    vip.previous.setdefault(p, vip.ring[p])
        vip.ring = ring

    def forget_unused(self):
        """A real that nothing names is gone: what the flow table has of it is stale."""
        used = set(self.server_ids.values()) | {addr for _, addr in self.sources}
        for vip in self.vips:
            used |= set(vip.weights)
        for real in self.reals.values():
            if real.addr not in used:
                real.epoch += 1

    def real(self, text):
        addr = wire.address(text)
        return self.reals.setdefault(addr, Real(addr))

    def is_used(self, addr):
        return (
            any(addr in vip.weights for vip in self.vips)
            or addr in self.server_ids.values()
            or any(addr == named for _, named in self.sources)
        )

    # Verbs.

    def do_gateway(self, _options, text):
        self.gateway = wire.mac(text)

    def do_local_mac(self, _options, text):
        self.local_mac = wire.mac(text)

    def do_source4(self, _options, text):
        self.source4 = wire.address(text)

    def do_source6(self, _options, text):
        self.source6 = wire.address(text)

    def do_gue_port(self, _options, text):
        self.gue_port = int(text)

    def do_set(self, options):
        for key, value in options.items():
            if key not in self.settings:
                raise Error(f"unknown setting {key!r}")
            self.settings[key] = value

    def do_vip(self, _options, step):
        self.vip = Vip(step)
        self.vips.append(self.vip)

    def do_at(self, _options, step):
        name = Vip(step).name()
        self.vip = next(vip for vip in self.vips if vip.name() == name)

    def do_real(self, options, *texts):
        for text in texts:
            real = self.real(text)
            self.vip.weights[real.addr] = int(options.get("weight", "1"))
            if "mac" in options:
                real.mac = wire.mac(options["mac"])
            real.is_local = options.get("local") == "true"

    def do_gone(self, _options, *texts):
        for text in texts:
            del self.vip.weights[wire.address(text)]

    def do_down(self, _options, *texts):
        self.vip.down |= {wire.address(text) for text in texts}

    def do_up(self, _options, *texts):
        self.vip.down -= {wire.address(text) for text in texts}

    def do_server_id(self, _options, number, text):
        self.server_ids[int(number, 0)] = self.real(text).addr

    def do_source(self, _options, net, text):
        self.sources.append((wire.prefix(net), self.real(text).addr))

    def do_tunnel(self, _options, *texts):
        self.tunnels |= {wire.address(text) for text in texts}

    def do_own_server_id(self, _options, number):
        self.own_server_id = int(number, 0)

    def do_mark(self, _options, number, text):
        self.marks[int(number)] = wire.address(text)
