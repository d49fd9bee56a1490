# SPDX-License-Identifier: GPL-2.0-only
"""The load balancer: a frame in, a verdict and a frame out."""

import collections
import dataclasses

from . import ids, rings, tunnels, wire
from .state import State

ECHO_REQUEST, ECHO_REPLY, UNREACHABLE, NEED_FRAGMENTS = 8, 0, 3, 4
ECHO_REQUEST6, ECHO_REPLY6, UNREACHABLE6, TOO_BIG6 = 128, 129, 1, 2
SYN, RST = 2, 4
KEPT4, KEPT6 = 98, 262  # bytes of a frame that is too big, in the answer
TUNNELS_DEEP = 4  # tunnels in tunnels


class End(Exception):
    """A packet's way ends: verdict, the counter that says why, and the frame as it is then."""

    def __init__(self, verdict, counter, frame):
        super().__init__(verdict)
        self.verdict, self.counter, self.frame = verdict, counter, frame


@dataclasses.dataclass
class Packet:
    frame: bytes
    src: bytes  # the client's
    dst: bytes  # the VIP's
    proto: int
    tos: int
    inner: bytes  # from the IP header on, as its own length says
    transport: bytes  # from the transport header on; of ICMP errors, the quoted one
    is_icmp: bool = False
    sport: bytes = b""
    dport: bytes = b""

    def drop(self, counter):
        return End("XDP_DROP", counter, self.frame)

    def done(self, counter):
        return End("XDP_PASS", counter, self.frame)

    def tcp_flag(self, flag):
        return self.proto == wire.TCP and not self.is_icmp and bool(self.transport[13] & flag)


class Balancer(State):
    def __init__(self):
        super().__init__()
        self.flows = {}  # the connection table
        self.counts = collections.Counter()  # by the counter's name
        self.traffic = collections.defaultdict(lambda: [0, 0])  # packets, bytes

    def run(self, frame):
        try:
            self.handle(frame)
        except End as end:
            self.counts[end.counter] += 1
            is_sent = end.verdict == "XDP_TX"
            if is_sent and len(end.frame) - wire.ETH_LEN > int(self.settings["mtu"]):
                self.counts["sent_long"] += 1
            return end.verdict, end.frame
        raise AssertionError("a packet without an end")

    # From the frame to the tuple.

    def handle(self, frame, depth=0):
        if frame[12:14] == wire.ETH_IP4:
            packet = self.read_ip4(frame)
        elif frame[12:14] == wire.ETH_IP6:
            packet = self.read_ip6(frame)
        else:
            raise End("XDP_PASS", "not_ip", frame)
        if self.is_set("decap") and depth < TUNNELS_DEEP:
            self.take_tunnel_apart(packet, depth)
        self.balance(packet)

    def read_ip4(self, frame):
        ip = frame[wire.ETH_LEN :]
        if len(ip) < 20:
            raise End("XDP_DROP", "bad_header", frame)
        if ip[0] & 15 != 5:
            raise End("XDP_DROP", "options", frame)
        if wire.u16(ip, 6) & 0x3FFF:
            raise End("XDP_DROP", "fragment", frame)
        inner = ip[: wire.u16(ip, 2)]
        packet = Packet(frame, ip[12:16], ip[16:20], ip[9], ip[1], inner, inner[20:])
        if packet.proto == wire.ICMP:
            self.read_icmp(packet, 4)
        return packet

    def read_ip6(self, frame):
        ip = frame[wire.ETH_LEN :]
        if len(ip) < 40:
            raise End("XDP_DROP", "bad_header", frame)
        if ip[6] == wire.FRAGMENT:
            raise End("XDP_DROP", "fragment", frame)
        inner = ip[: 40 + wire.u16(ip, 4)]
        tos = wire.u16(ip, 0) >> 4 & 0xFF
        packet = Packet(frame, ip[8:24], ip[24:40], ip[6], tos, inner, inner[40:])
        if packet.proto == wire.ICMP6:
            self.read_icmp(packet, 6)
        return packet

    def read_icmp(self, packet, family):
        if len(packet.transport) < 8:
            raise packet.drop("bad_header")
        kind = packet.transport[0]
        if kind == (ECHO_REQUEST if family == 4 else ECHO_REQUEST6):
            raise self.echo(packet, family)
        if kind not in ((UNREACHABLE,) if family == 4 else (UNREACHABLE6, TOO_BIG6)):
            raise packet.done("other_icmp")
        if family == 4 and packet.transport[1] == NEED_FRAGMENTS:
            self.counts["icmp_ptb4"] += 1
        if family == 6 and kind == TOO_BIG6:
            self.counts["icmp_ptb6"] += 1
        quoted = packet.transport[8:]
        if len(quoted) < (20 if family == 4 else 40):
            raise packet.drop("bad_header")
        packet.is_icmp = True
        if family == 4:
            if quoted[0] & 15 != 5:
                raise packet.drop("options")
            packet.src, packet.dst, packet.proto = quoted[16:20], quoted[12:16], quoted[9]
            packet.transport = quoted[20:]
        else:
            packet.src, packet.dst, packet.proto = quoted[24:40], quoted[8:24], quoted[6]
            packet.transport = quoted[40:]

    def echo(self, packet, family):
        """The answer has a checksum of its own, made from nothing."""
        old = packet.transport
        kind = ECHO_REPLY if family == 4 else ECHO_REPLY6
        proto = wire.ICMP if family == 4 else wire.ICMP6
        reply = bytes([kind, old[1], 0, 0]) + old[4:]
        reply = wire.with_checksum(packet.dst, packet.src, proto, reply)
        head = packet.inner[: 20 if family == 4 else 40]
        if family == 4:
            head = wire.put(head, 8, b"\x40\x01\0\0" + packet.dst + packet.src)
            head = wire.put(head, 10, wire.be16(wire.checksum(head)))
        else:
            head = wire.put(head, 7, b"\x40" + packet.dst + packet.src)
        return End("XDP_TX", "echo_answered", self.back(packet, head + reply))

    @staticmethod
    def back(packet, answer):
        """@answer to where the frame came from, padded as that was."""
        old = packet.frame
        padding = old[wire.ETH_LEN + len(packet.inner) :]
        return wire.eth(old[6:12], old[0:6], answer) + padding

    def take_tunnel_apart(self, packet, depth):
        """To this host's own address: passed on. Others that end here: as if it had come so."""
        inner = tunnels.inner_of(packet, self.gue_port)
        is_own = packet.dst in (self.source4, self.source6)
        if inner is None or packet.is_icmp or not (is_own or packet.dst in self.tunnels):
            return
        inner = tunnels.with_lower_ttl(inner)
        padding = packet.frame[wire.ETH_LEN + len(packet.inner) :]
        frame = wire.eth(packet.frame[0:6], packet.frame[6:12], inner) + padding
        self.counts["decap4" if len(packet.dst) == 4 else "decap6"] += 1
        if not inner[8 if inner[0] >> 4 == 4 else 7]:
            raise End("XDP_DROP", "expired", frame)
        if packet.dst not in self.tunnels:
            raise End("XDP_PASS", "here", frame)
        self.handle(frame, depth + 1)

    # From the tuple to the VIP.

    def balance(self, packet):
        if packet.proto not in (wire.TCP, wire.UDP):
            raise packet.done("not_balanced")
        needed = 8 if packet.is_icmp or packet.proto == wire.UDP else 20
        if len(packet.transport) < needed:
            raise packet.drop("bad_header")
        ports = packet.transport[0:2], packet.transport[2:4]
        packet.sport, packet.dport = reversed(ports) if packet.is_icmp else ports

        vip = self.find_vip(packet)
        if not vip:
            self.send_back(packet)
            raise packet.done("not_a_vip")
        if len(packet.frame) - wire.ETH_LEN > int(self.settings["mtu"]):
            raise self.too_big(packet)
        if not vip.weights:
            raise packet.drop("no_reals")
        if "no_src_port" in vip.flags:
            packet.sport = b"\0\0"
        outer_sport = packet.sport
        addr = self.choose(vip, packet)
        if addr is None:
            raise packet.drop("no_real")
        real = self.reals[addr]
        self.count_traffic(vip, real, packet)
        if "local" in vip.flags and real.is_local:
            raise packet.done("local")
        counter = "sent4" if len(addr) == 4 else "sent6"
        raise End("XDP_TX", counter, tunnels.send(self, vip, real, packet, outer_sport))

    def count_traffic(self, vip, real, packet):
        length = wire.u16(packet.inner, 2 if packet.inner[0] >> 4 == 4 else 4)
        for name in (f"vip {self.vips.index(vip)}", f"real {wire.text(real.addr)}"):
            self.traffic[name][0] += 1
            self.traffic[name][1] += length

    def find_vip(self, packet):
        for port in (packet.dport, b"\0\0"):
            found = [
                vip
                for vip in self.vips
                if wire.be16(vip.port) == port
                and vip.proto == packet.proto
                and wire.matches(packet.dst, vip.net)
            ]
            if found:
                vip = min(found, key=lambda vip: (vip.is_cidr, -vip.net[1]))
                if not vip.port and not vip.flags & {"dst_port_only", "both_ports"}:
                    packet.dport = b"\0\0"
                return vip
        return None

    def too_big(self, packet):
        if not self.is_set("too_big"):
            return packet.drop("too_long")
        is_ip4 = len(packet.src) == 4
        kept = packet.frame[wire.ETH_LEN : KEPT4 if is_ip4 else KEPT6]
        mtu = wire.be32(int(self.settings["mtu"]))
        kind = bytes([UNREACHABLE, NEED_FRAGMENTS] if is_ip4 else [TOO_BIG6, 0])
        proto = wire.ICMP if is_ip4 else wire.ICMP6
        icmp = wire.with_checksum(packet.dst, packet.src, proto, kind + b"\0\0" + mtu + kept)
        head = wire.ip(packet.dst, packet.src, proto, len(icmp))
        answer = wire.eth(packet.frame[6:12], packet.frame[0:6], head + icmp)
        return End("XDP_TX", "too_big_answered", answer)

    def send_back(self, packet):
        """Answers of reals behind rewriting VIPs become the VIP's."""
        if packet.is_icmp:
            return
        for vip in self.vips:
            if vip.encap != "rewrite" or packet.src not in vip.weights:
                continue
            if vip.proto == packet.proto and wire.be16(vip.port) in (packet.sport, b"\0\0"):
                changed = tunnels.readdress(packet.inner, src=vip.net[0])
                frame = tunnels.relink(self.gateway, packet, changed)
                raise End("XDP_TX", "returned", frame)

    # From the VIP to the real.

    def choose(self, vip, packet):
        """The address of the real, or None. Changes the packet's ports and client as the VIP asks."""
        addr = self.by_id(vip, packet)
        if addr:
            return addr
        if "dst_port_only" in vip.flags:
            packet.sport, packet.src = packet.dport, bytes(len(packet.src))
        place = self.position(vip, packet)
        if self.has_transitions(vip, packet) and place not in vip.changed:
            return vip.ring[place]
        self.counts["table_packets"] += 1
        addr = self.by_table(vip, packet)
        if addr:
            return addr
        self.count_miss(packet)
        addr = self.by_source(vip, packet) or self.by_ring(vip, packet, place)
        if addr:
            self.record(vip, packet, addr)
        return addr

    @staticmethod
    def has_transitions(vip, packet):
        is_tcp = packet.proto == wire.TCP
        return vip.table == "transitions" and is_tcp and "source" not in vip.flags

    def count_miss(self, packet):
        self.counts["table_misses"] += 1
        self.counts["new_flows"] += 1
        if packet.proto == wire.TCP:
            self.counts["misses_syn" if packet.tcp_flag(SYN) else "misses_other"] += 1

    def by_id(self, vip, packet):
        if packet.is_icmp:
            return None
        if packet.proto == wire.TCP:
            return self.by_tcp_id(vip, packet) if self.is_set("tcp_server_id") else None
        payload = packet.transport[8:]
        addr = None
        if "quic" in vip.flags:
            addr = self.by_quic_id(vip, packet, payload)
        if not addr and "stable" in vip.flags:
            addr = self.by_server_id("stable", ids.of_stable_routing(payload))
        return addr

    def by_server_id(self, kind, number):
        """The real that has the id. Three of the counters have the same ends in every kind."""
        addr = self.server_ids.get(number)
        if number and not addr:
            self.counts[kind + "_bad_id"] += 1
        self.counts[kind + ("_by_id" if addr else "_by_hash")] += 1
        return addr

    def by_quic_id(self, vip, packet, payload):
        number, version = ids.of_quic(payload)
        if number:
            self.counts[f"quic_v{version}"] += 1
        if ids.is_quic_initial(payload):
            self.counts["quic_initial"] += 1
        addr = self.by_server_id("quic", number)
        if addr:
            self.counts["quic_" + self.compare_flow(packet, addr)] += 1
            self.record(vip, packet, addr)
        return addr

    def by_tcp_id(self, vip, packet):
        if packet.tcp_flag(SYN):
            self.counts["tcp_id_syn"] += 1
            return None
        options = packet.transport[20 : 4 * (packet.transport[12] >> 4)]
        number = ids.of_tcp(options, int(self.settings["tcp_option_kind"]))
        addr = self.by_server_id("tcp_id", number)
        if addr and not self.has_transitions(vip, packet):
            if self.compare_flow(packet, addr) == "other":
                self.counts["tcp_id_other"] += 1
            self.record(vip, packet, addr)
        return addr

    def compare_flow(self, packet, addr):
        """What the table knows of a flow that goes to @addr by an id."""
        known = self.flows.get(self.key(packet), (None, 0))[0]
        if not known:
            self.counts["new_flows"] += 1
            return "new"
        return "same" if known == addr else "other"

    def position(self, vip, packet):
        client = packet.src
        if "dst_port_only" in vip.flags:
            client = bytes(16)
        return rings.position(self.settings["hash"], client, packet.sport + packet.dport)

    @staticmethod
    def key(packet):
        return packet.src, packet.dst, packet.proto, packet.sport, packet.dport

    def by_table(self, vip, packet):
        if packet.tcp_flag(SYN) or "no_table" in vip.flags:
            return None
        addr, epoch = self.flows.get(self.key(packet), (None, 0))
        if not addr or self.reals[addr].epoch != epoch:
            return None
        if "migration" in vip.flags and packet.proto == wire.UDP and addr in vip.down:
            self.counts["migrated"] += 1
            return None
        return addr

    def by_source(self, vip, packet):
        if "source" not in vip.flags:
            return None
        found = [s for s in self.sources if wire.matches(packet.src, s[0])]
        self.counts["source_hits" if found else "source_misses"] += 1
        return max(found, key=lambda s: s[0][1])[1] if found else None

    def by_ring(self, vip, packet, place):
        previous = vip.previous.get(place)
        if (
            vip.table == "transitions"
            and packet.proto == wire.TCP
            and not packet.tcp_flag(SYN)
            and previous
            and self.is_used(previous)
        ):
            self.counts["to_previous"] += 1
            return previous
        return vip.ring[place]

    def record(self, vip, packet, addr):
        if "no_table" in vip.flags or packet.is_icmp or packet.tcp_flag(RST):
            return
        self.flows[self.key(packet)] = addr, self.reals[addr].epoch
