# SPDX-License-Identifier: GPL-2.0-only
"""Routing by what packets carry."""

from . import wire
from .packets import (
    RST, SYN, VIP4, VIP6, answer, cid, icmp_error, options, quic_long, quic_short, server_id, tcp,
    udp,
)  # fmt: skip

# Of the scenarios, in the order of the reals 192.0.2.1 to 3 and 2001:db8:f::1 to 3.
SMALL = [1001, 1002, 1003, 1011, 1012, 1013]
MIDDLE = [0x030001, 0xFF0002, 0x800003, 0x030011, 0xFF0012, 0x800013]
BIG = [0x7F000001, 0x01000002, 0x70000003, 0x7F000011, 0x01000012, 0x70000013]


def quic():
    port = 40000
    for name, vip, first in (("4", VIP4.format(1), 0), ("6", VIP6.format(1), 3)):

        def of(payload, more=0):
            return udp(vip, 443, sport=port + more, payload=payload)

        for version, numbers in ((1, SMALL), (2, MIDDLE), (3, BIG)):
            for i in range(first, first + 3):
                port += 1
                yield f"v{version}-{i}-{name}", of(quic_short(cid(version, numbers[i])))
                yield f"v{version}-{i}-handshake-{name}", of(
                    quic_long(2, cid(version, numbers[i])), 100
                )
                yield f"v{version}-{i}-retry-{name}", of(
                    quic_long(3, cid(version, numbers[i])), 200
                )
        known = cid(1, SMALL[first])
        port += 1000
        yield f"initial-{name}", of(quic_long(0, known))
        yield f"zero-rtt-{name}", of(quic_long(1, known), 1)
        yield f"version-0-{name}", of(quic_short(cid(0, 0)), 2)
        yield f"unknown-v1-{name}", of(quic_short(cid(1, 999)), 3)
        yield f"unknown-v2-{name}", of(quic_short(cid(2, 0x123456)), 4)
        yield f"unknown-v3-{name}", of(quic_short(cid(3, 0x12345678)), 5)
        yield f"negative-v3-{name}", of(quic_short(cid(3, 0x80000001)), 6)
        yield f"zero-v1-{name}", of(quic_short(cid(1, 0)), 7)
        yield f"zero-v2-{name}", of(quic_short(cid(2, 0)), 8)
        yield f"short-id-{name}", of(quic_long(2, known[:7]), 9)
        yield f"lying-length-{name}", of(quic_long(2, known, 7), 10)
        yield f"long-id-{name}", of(quic_long(2, known + bytes(12)), 11)
        yield f"one-byte-{name}", of(b"\x40", 12)
        yield f"empty-{name}", of(b"", 13)
        # By id first; a packet of the same flow without one then goes the same way.
        yield f"id-is-remembered-{name}", of(quic_short(cid(0, 0)), -1000)
        yield f"id-goes-before-the-table-{name}", of(quic_short(cid(1, SMALL[first + 1])), -1000)
        yield f"and-changes-it-{name}", of(quic_short(cid(0, 0)), -1000)
        yield f"the-same-again-{name}", of(quic_short(cid(1, SMALL[first + 1])), -1000)
        yield f"other-vip-{name}", udp(
            (VIP4 if name == "4" else VIP6).format(2), 443, payload=quic_short(known)
        )
    quoted = answer(wire.UDP, VIP4.format(1), 443, 40001, payload=quic_short(cid(1, SMALL[1])))
    yield "icmp-carries-none", icmp_error(quoted, "198.51.100.254", 3, 3)
    yield "ipv4-client-to-an-ipv6-real", udp(
        VIP4.format(1), 443, sport=50000, payload=quic_short(cid(1, SMALL[4]))
    )


def stable():
    def payload(number, head=0x52):
        return bytes([head]) + number.to_bytes(3, "big") + b"and some data"

    for name, vip, first in (("4", VIP4.format(3), 0), ("6", VIP6.format(3), 3)):
        for i in range(first, first + 3):
            yield f"id-{i}-{name}", udp(vip, sport=41000 + i, payload=payload(MIDDLE[i]))
            # Each packet has its id: the table need not know the flow.
            yield f"is-not-recorded-{i}-{name}", udp(
                vip, sport=41000 + i, payload=payload(MIDDLE[i], 0x53)
            )
            yield f"small-{i}-{name}", udp(vip, sport=41100 + i, payload=payload(SMALL[i]))
        yield f"zero-{name}", udp(vip, sport=41200, payload=payload(0))
        yield f"unknown-{name}", udp(vip, sport=41201, payload=payload(0x123456))
        yield f"other-head-{name}", udp(vip, sport=41202, payload=payload(MIDDLE[first], 0x53))
        yield f"three-bytes-{name}", udp(vip, sport=41203, payload=b"\x52\x03\x00")
        yield f"four-bytes-{name}", udp(vip, sport=41204, payload=payload(MIDDLE[first])[:4])
        yield f"empty-{name}", udp(vip, sport=41205, payload=b"")
        yield f"other-vip-{name}", udp(
            (VIP4 if name == "4" else VIP6).format(2), payload=payload(MIDDLE[first])
        )


def tcp_id():
    nops = b"\x01" * 20
    timestamps = b"\x08\x0a" + bytes(range(8))
    for name, vip, first in (("4", VIP4.format(4), 0), ("6", VIP6.format(4), 3)):
        ids = [server_id(number) for number in SMALL[first : first + 3]]
        big = server_id(BIG[first + 2])

        def of(sport, *parts, **more):
            return tcp(vip, sport=sport, options=options(*parts), **more)

        for i, part in enumerate(ids):
            yield f"id-{i}-{name}", of(42000 + i, part)
            yield f"behind-others-{i}-{name}", of(42010 + i, b"\x01\x01", timestamps, part)
        yield f"big-{name}", of(42020, big)
        yield f"no-options-{name}", of(42021)
        yield f"syn-{name}", of(42022, ids[0], flags=SYN)
        yield f"rst-{name}", of(42023, ids[0], flags=RST)
        yield f"zero-{name}", of(42024, server_id(0))
        yield f"unknown-{name}", of(42025, server_id(999))
        yield f"other-kind-{name}", of(42026, server_id(SMALL[first], 0xB6))
        yield f"behind-the-end-{name}", of(42027, b"\0\0", ids[0])
        yield f"last-of-fifteen-{name}", of(42028, nops[:14], ids[1])
        yield f"sixteenth-{name}", of(42029, nops[:15], ids[1])
        yield f"length-of-nothing-{name}", of(42030, b"\x08\x00", ids[0])
        yield f"cut-{name}", of(42031, b"\x01\x01", ids[0][:2])
        yield f"remembered-{name}", of(42000)
        yield f"before-the-table-{name}", of(42000, ids[2])
        yield f"changes-the-table-{name}", of(42000)
        yield f"in-network-order-{name}", of(42032, b"\xb7\x06" + SMALL[first].to_bytes(4, "big"))
        yield f"dst-port-only-{name}", tcp(
            (VIP4 if name == "4" else VIP6).format(7), 5060, sport=42033, options=options(ids[0])
        )
        yield f"dst-port-only-without-{name}", tcp(
            (VIP4 if name == "4" else VIP6).format(7), 5060, sport=42033
        )
        # A connection that ends here is not worth a place in the table.
        for i in range(3):
            yield f"rst-again-{i}-{name}", of(42040 + i, ids[i], flags=RST)
            yield f"rst-is-not-remembered-{i}-{name}", of(42040 + i)


def tcp_id_kind():
    for name, vip, first in (("4", VIP4.format(4), 0), ("6", VIP6.format(4), 3)):
        for i, number in enumerate(SMALL[first : first + 3]):
            for kind in (200, 0xB7):
                yield f"kind-{kind}-{i}-{name}", tcp(
                    vip, sport=43000 + i, options=options(server_id(number, kind))
                )
                yield f"kind-{kind}-{i}-behind-another-{name}", tcp(
                    vip,
                    sport=43010 + i,
                    options=options(server_id(SMALL[first], 0xB7), server_id(number, kind)),
                )


def ids_and_flags():
    """Of VIPs with quic and no_table (1), with quic and stable (2)."""
    for name, vips, first in (("4", VIP4, 0), ("6", VIP6, 3)):
        for i, number in enumerate(SMALL[first : first + 3]):
            for vip in (1, 2):

                def of(payload, vip=vip, i=i):
                    return udp(vips.format(vip), 443, sport=44000 + i, payload=payload)

                yield f"quic-{i}-{vip}-{name}", of(quic_short(cid(1, number)))
                yield f"without-{i}-{vip}-{name}", of(quic_short(cid(0, 0)))
                yield f"quic-again-{i}-{vip}-{name}", of(quic_short(cid(1, number)))
                # 0x52 is a short header too: the id of QUIC is read from what stable routing has.
                stable = b"\x52" + MIDDLE[first + i].to_bytes(3, "big") + b"and some data"
                yield f"stable-{i}-{vip}-{name}", of(stable)


SUITES = {
    "quic": quic,
    "quic_gue": quic,
    "stable": stable,
    "stable_gue": stable,
    "tcp_id": tcp_id,
    "tcp_id_kind": tcp_id_kind,
    "ids_and_flags": ids_and_flags,
}
