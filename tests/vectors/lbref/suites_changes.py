# SPDX-License-Identifier: GPL-2.0-only
"""Rings of every kind, and what becomes of flows when they change."""

from .packets import CLIENT4, RST, SYN, VIP4, VIP6, tcp, udp

FLOWS = range(30000, 30012)


def rings():
    for number in range(1, 7):
        for sport in FLOWS:
            yield f"{number}-{sport}", tcp(VIP4.format(number), sport=sport, payload=b"")
            yield f"{number}-{sport}-6", udp(VIP6.format(number), sport=sport, payload=b"")


def hashes():
    for i in range(10):
        client4, client6 = f"198.51.100.{i * 25}", f"2001:db8:1:{i * 4099:x}::{i}"
        yield f"tcp4-{i}", tcp(VIP4.format(1), src=client4, sport=33333 + 777 * i)
        yield f"tcp6-{i}", tcp(VIP6.format(1), src=client6, sport=33333 + 777 * i)
        yield f"destination-port4-{i}", udp(VIP4.format(7), 5060 + i, src=client4)
        yield f"destination-port6-{i}", udp(VIP6.format(7), 5060 + i, src=client6)
        yield f"no-source-port-{i}", tcp(VIP4.format(6), src=client4)


def sources():
    vip4, vip6 = VIP4.format(1), VIP6.format(1)
    for last in (1, 65, 97, 130, 131):
        yield f"client4-{last}", tcp(vip4, src=f"198.51.100.{last}")
    for text in ("2001:db8:1::1", "2001:db8:1:8::1", "2001:db8:1:8::2", "2001:db8:3::1"):
        yield f"client6-{text.replace(':', '-')}", tcp(vip6, src=text)
    yield "other-vip", tcp(VIP4.format(2), src="198.51.100.65")
    yield "ipv6-real", tcp(VIP4.format(1), src="192.0.2.201")
    yield "all-ports", udp(VIP4.format(3), 999, src="198.51.100.65")
    yield "known-flow-stays", tcp(vip4, src="198.51.100.1")
    yield "known-flow-stays6", tcp(vip6, src="2001:db8:3::1")
    yield "a-syn-does-not", tcp(vip4, src="198.51.100.1", flags=SYN)


def phase(name, vip, make, count=12, **more):
    for i in range(count):
        yield f"{name}-{i}", make(vip, sport=30000 + i, payload=b"", **more)


def table():
    """Real 3 of three goes before `after`, real 4 comes before `again`."""
    vip4, vip6, bypass = VIP4.format(1), VIP6.format(1), VIP4.format(8)
    yield from phase("tcp", vip4, tcp)
    yield from phase("udp", vip6, udp)
    yield from phase("bypass", bypass, tcp)
    yield "reset", tcp(vip4, sport=30100, flags=RST)
    for i in range(8):
        yield f"reset-{i}", tcp(vip4, sport=30100 + i, flags=RST)
    yield from phase("after", vip4, tcp)
    yield from phase("after-udp", vip6, udp)
    yield from phase("after-bypass", bypass, tcp)
    for i in range(8):
        yield f"after-reset-{i}", tcp(vip4, sport=30100 + i)
    yield from phase("new", vip4, tcp, flags=SYN)
    yield from phase("after-new", vip4, tcp)
    yield from phase("again", vip4, tcp)
    yield from phase("again-udp", vip6, udp)
    yield from phase("back", vip4, tcp)


def migration():
    """Real 1 is marked down before `down`, and leaves the ring before `without`."""
    for name, vip in (("4", VIP4.format(1)), ("6", VIP6.format(1)), ("stays", VIP4.format(2))):
        yield from phase(f"first-{name}", vip, udp)
    yield from phase("first-tcp", VIP4.format(3), tcp)
    yield from phase("down-4", VIP4.format(1), udp)
    for name, vip in (("4", VIP4.format(1)), ("6", VIP6.format(1)), ("stays", VIP4.format(2))):
        yield from phase(f"without-{name}", vip, udp)
    yield from phase("without-tcp", VIP4.format(3), tcp)
    yield from phase("up-4", VIP4.format(1), udp)


def transitions():
    """A real goes before `one`, one comes before `two`, another goes before `three`."""
    vip4, vip6, quick = VIP4.format(1), VIP6.format(1), VIP4.format(2)
    for name in ("start", "one", "two", "three"):
        yield from phase(f"{name}-4", vip4, tcp)
        yield from phase(f"{name}-6", vip6, tcp)
        yield from phase(f"{name}-udp", vip4, udp)
        yield from phase(f"{name}-no-window", quick, tcp)
        # Connections that begin now.
        for i in range(12):
            yield f"{name}-syn-{i}", tcp(vip4, src=CLIENT4 + "7", sport=31000 + i, flags=SYN)
        for i in range(12):
            yield f"{name}-ack-{i}", tcp(vip4, src=CLIENT4 + "7", sport=31000 + i)
    # None of these began here: another host's, which come by a change of routes.
    for i in range(12):
        yield f"unseen-{i}", tcp(vip4, src=CLIENT4 + "8", sport=32000 + i)
        yield f"unseen6-{i}", tcp(vip6, sport=32000 + i)


SUITES = {
    "ring_kinds": rings,
    "hash_jhash": hashes,
    "hash_xxhash": hashes,
    "hash_murmur3": hashes,
    "sources": sources,
    "table": table,
    "migration": migration,
    "transitions": transitions,
}
