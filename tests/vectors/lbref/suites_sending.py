# SPDX-License-Identifier: GPL-2.0-only
"""The ways to reals: tunnels, the real's MAC, its address; and out of tunnels."""

from . import wire
from .packets import (
    CLIENT4, CLIENT6, SYN, VIP4, VIP6, answer, echo, gue, icmp_error, padded, raw, tcp, tunnel,
    udp,
)  # fmt: skip

ROUTER4, ROUTER6 = "198.51.100.254", "2001:db8:1::fe"


def families():
    """By VIP: IPv4 to IPv4 reals, IPv4 to IPv6, IPv6 to IPv6."""
    return {"4in4": VIP4.format(1), "4in6": VIP4.format(2), "6in6": VIP6.format(1)}


def encapsulated():
    for name, vip in families().items():
        is_ip4 = ":" not in vip
        yield f"tcp-{name}", tcp(vip)
        yield f"udp-{name}", udp(vip)
        yield f"syn-{name}", tcp(vip, sport=31339, flags=SYN)
        yield f"tos-{name}", tcp(vip, tos=0x2E << 2)
        yield f"empty-{name}", udp(vip, payload=b"", sport=31340)
        yield f"odd-{name}", udp(vip, payload=b"odd", sport=31341)
        yield f"low-port-{name}", tcp(vip, sport=1)
        yield f"high-port-{name}", tcp(vip, sport=65535)
        yield f"long-{name}", tcp(vip, payload=bytes(i * 7 & 255 for i in range(1200)))
        yield f"padded-{name}", padded(udp(vip, payload=b"1", sport=31342), 120)
        quoted = answer(wire.TCP, vip)
        router, kind = (ROUTER4, 3) if is_ip4 else (ROUTER6, 1)
        yield f"icmp-{name}", icmp_error(quoted, router, kind, 0)
        yield f"icmp-short-{name}", icmp_error(quoted, router, kind, 0, keep=28 if is_ip4 else 48)
        for last in (1, 2, 200):
            src = f"198.51.100.{last}" if is_ip4 else f"2001:db8:1::{last}:1"
            yield f"client-{last}-{name}", tcp(vip, src=src)
    yield "no-checksum-4in4", udp(families()["4in4"], has_checksum=False, sport=31343)
    yield "no-checksum-4in6", udp(families()["4in6"], has_checksum=False, sport=31343)
    for name, vip in {"4": VIP4.format(7), "6": VIP6.format(7)}.items():
        yield f"destination-port-{name}", udp(vip, 5060)
        yield f"destination-port-again-{name}", udp(vip, 5060)
    yield "no-source-port-4", tcp(VIP4.format(6))
    yield "no-source-port-6", tcp(VIP6.format(6))


def decap():
    ends4, ends6 = "203.0.113.250", "2001:db8:2::fa"
    for name, dst in {"4": ends4, "6": ends6}.items():
        src = ROUTER4 if name == "4" else ROUTER6
        for family, vip in {"4": VIP4.format(1), "6": VIP6.format(1)}.items():
            client = CLIENT4 if family == "4" else CLIENT6
            inner = raw(wire.TCP, client, vip, 31337, 80)
            other = raw(wire.UDP, client, vip, 31337, 53)
            yield f"to-a-vip-{family}in{name}", tunnel(src, dst, inner)
            yield f"to-others-{family}in{name}", tunnel(src, dst, other)
            yield f"gue-to-a-vip-{family}in{name}", gue(src, dst, inner)
            yield f"gue-to-others-{family}in{name}", gue(src, dst, other)
        far = "203.0.113.251" if name == "4" else "2001:db8:2::fb"
        yield f"ends-elsewhere-{name}", tunnel(src, far, inner)
        yield f"gue-ends-elsewhere-{name}", gue(src, far, inner)
        yield f"other-port-{name}", gue(src, dst, inner, 6081)
    yield "plain-4", tcp(VIP4.format(1))
    yield "plain-6", tcp(VIP6.format(1))
    yield "echo-to-the-tunnel", echo(ends4)


def l2():
    for name, vip in {"4": VIP4.format(1), "6": VIP6.format(1)}.items():
        for sport in range(31337, 31345):
            yield f"tcp-{sport}-{name}", tcp(vip, sport=sport)
        yield f"udp-{name}", udp(vip, tos=0x8C)
        yield f"padded-{name}", padded(udp(vip, payload=b"1"), 90)
    yield "gateway-where-no-mac-is-set", tcp(VIP4.format(2))
    yield "icmp", icmp_error(answer(wire.TCP, VIP4.format(1)), ROUTER4, 3, 1)
    for sport in range(31337, 31345):
        yield f"local-{sport}", tcp(VIP4.format(3), sport=sport)
        yield f"local-without-the-flag-{sport}", tcp(VIP4.format(4), sport=sport)


def rewrite():
    reals = {"4": "192.0.2.{}", "6": "2001:db8:f::{}"}
    for name, vip in {"4": VIP4.format(1), "6": VIP6.format(1)}.items():
        client = CLIENT4 if name == "4" else CLIENT6
        for sport in range(31337, 31345):
            yield f"tcp-{sport}-{name}", tcp(vip, sport=sport)
        yield f"udp-{name}", udp(vip, 53)
        yield f"udp-odd-{name}", udp(vip, 53, payload=b"odd", tos=0x8C)
        yield f"udp-empty-{name}", udp(vip, 53, payload=b"")
        yield f"padded-{name}", padded(tcp(vip, payload=b""), 90)
        for last in (1, 2, 3):
            real = reals[name].format(last)
            yield f"return-{last}-{name}", tcp(client, 31337, src=real, sport=80, tos=0x8C)
            yield f"return-udp-{last}-{name}", udp(client, 31337, src=real, sport=53)
            yield f"other-port-{last}-{name}", tcp(client, 31337, src=real, sport=81)
        yield f"of-no-real-{name}", tcp(client, 31337, src=reals[name].format(77), sport=80)
    yield "udp-no-checksum-4", udp(VIP4.format(1), 53, has_checksum=False)
    yield "return-udp-no-checksum-4", udp(
        CLIENT4, 31337, src="192.0.2.1", sport=53, has_checksum=False
    )


SUITES = {
    "ipip": encapsulated,
    "gue": encapsulated,
    "decap": decap,
    "l2": l2,
    "rewrite": rewrite,
}
