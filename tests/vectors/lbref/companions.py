# SPDX-License-Identifier: GPL-2.0-only
"""The health checks' program on TC egress, and Katran's XDP decap."""

from . import tunnels, wire
from .balancer import Balancer, End


class Health(Balancer):
    """A marked packet goes to its mark's real in a tunnel, whatever its own destination."""

    def run_marked(self, frame, mark):
        addr = self.marks.get(mark)
        if not addr:
            return "TC_ACT_UNSPEC", frame
        inner = frame[wire.ETH_LEN :]
        is_ip4 = inner[0] >> 4 == 4
        tos = inner[1] if is_ip4 else wire.u16(inner, 0) >> 4 & 0xFF
        src = self.source4 if len(addr) == 4 else self.source6
        proto = wire.IPIP if is_ip4 else wire.IP6
        outer = wire.ip(src, addr, proto, len(inner), tos)
        return "TC_ACT_REDIRECT", wire.eth(self.gateway, self.local_mac, outer + inner)


class Decap(Balancer):
    """Every tunnel ends here; nothing is balanced or answered."""

    def read_icmp(self, packet, family):
        raise packet.done("other_icmp")

    def take_tunnel_apart(self, packet, _depth):
        inner = tunnels.inner_of(packet, self.gue_port)
        frame = packet.frame
        if inner is not None:
            frame = wire.eth(frame[0:6], frame[6:12], inner)
        raise End("XDP_PASS", "not_balanced", frame)
