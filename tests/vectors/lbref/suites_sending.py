# SPDX-License-Identifier: GPL-2.0-only
"""The ways to reals: tunnels, the real's MAC, its address; and out of tunnels."""

from . import wire
from .packets import (
    CLIENT4, CLIENT6, SYN, VIP4, VIP6, answer, echo, gue, icmp_error, link, padded, raw, tcp,
    tunnel, udp, with_extension, with_fragment, with_options, with_ttl,
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


ENDS = {"4": "203.0.113.250", "6": "2001:db8:2::fa"}
OWN = {"4": "203.0.113.253", "6": "2001:db8:2::fd"}


def inner_to(family, proto=wire.TCP, dport=80, **more):
    vip, client = (VIP4.format(1), CLIENT4) if family == "4" else (VIP6.format(1), CLIENT6)
    return raw(proto, client, vip, 31337, dport, **more)


def router(family):
    return ROUTER4 if family == "4" else ROUTER6


def decap():
    for name, dst in ENDS.items():
        src = router(name)
        for family in "46":
            inner = inner_to(family)
            other = inner_to(family, wire.UDP, 53)
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
    yield "echo-to-the-tunnel", echo(ENDS["4"])
    yield from decap_ttl()
    yield from decap_own()
    yield from decap_odd()


def decap_ttl():
    for name, dst in ENDS.items():
        for family in "46":
            for ttl in (1, 2, 255):
                inner = with_ttl(inner_to(family), ttl)
                yield f"ttl-{ttl}-{family}in{name}", tunnel(router(name), dst, inner)
                yield f"gue-ttl-{ttl}-{family}in{name}", gue(router(name), dst, inner)


def decap_own():
    """To the host itself: what is inside is its own, even where it is for a VIP."""
    for name, dst in OWN.items():
        for family in "46":
            for ttl in (1, 64):
                inner = with_ttl(inner_to(family), ttl)
                yield f"own-ttl-{ttl}-{family}in{name}", tunnel(router(name), dst, inner)
                yield f"own-gue-ttl-{ttl}-{family}in{name}", gue(router(name), dst, inner)


def decap_odd():
    for name, dst in ENDS.items():
        src, inner = router(name), inner_to(name)
        yield f"padded-{name}", padded(tunnel(src, dst, inner_to(name, payload=b"")), 130)
        yield f"tos-{name}", tunnel(src, dst, inner_to(name, tos=0x8C))
        yield f"echo-{name}", tunnel(src, dst, echo(dst)[wire.ETH_LEN :])
        yield f"gue-of-another-kind-{name}", gue(src, dst, b"\x04" + inner)
        for depth in range(1, 6):
            inner = tunnel(src, dst, inner)[wire.ETH_LEN :]
            yield f"{depth}-deep-{name}", link(inner)
        inner = gue(src, OWN[name], inner_to(name))[wire.ETH_LEN :]
        yield f"own-in-another-{name}", tunnel(src, dst, inner)
    whole = tunnel(ROUTER4, ENDS["4"], inner_to("4"))
    yield "options", with_options(whole, b"\x01" * 4)
    yield "options-inside", tunnel(
        ROUTER4, ENDS["4"], with_options(link(inner_to("4")), b"\x01" * 4)[wire.ETH_LEN :]
    )
    yield "first-part", with_fragment(whole, 0x2000)
    yield "later-part", with_fragment(whole, 5)
    yield "part-inside", tunnel(
        ROUTER4, ENDS["4"], with_fragment(link(inner_to("4")), 0x2000)[wire.ETH_LEN :]
    )
    whole = tunnel(ROUTER6, ENDS["6"], inner_to("6"))
    yield "part-6", with_extension(whole, wire.FRAGMENT, bytes([0, 0, 1, 1, 2, 3, 4]))


def decap_gue():
    """From host to host: out of GUE, and into GUE."""
    for name, dst in ENDS.items():
        for family, vip in families().items():
            client = CLIENT4 if family[0] == "4" else CLIENT6
            for proto in (wire.TCP, wire.UDP):
                inner = raw(proto, client, vip, 31337, 80)
                what = f"{'tcp' if proto == wire.TCP else 'udp'}-{family}-over-{name}"
                yield what, gue(router(name), dst, inner)
                yield f"ipip-{what}", tunnel(router(name), dst, inner)
                yield f"expired-{what}", gue(router(name), dst, with_ttl(inner, 1))
                yield f"own-{what}", gue(router(name), OWN[name], inner)


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
    "decap_gue": decap_gue,
    "l2": l2,
    "rewrite": rewrite,
}
