# SPDX-License-Identifier: GPL-2.0-only
"""What is read of packets, and which VIP they find."""

from . import wire
from .packets import (
    ACK, CLIENT4, CLIENT6, HERE, SYN, TEXT, THERE, VIP4, VIP6, answer, echo, icmp, icmp_error,
    link, padded, tcp, tunnel, udp, raw, with_extension, with_fragment, with_options,
)  # fmt: skip

NEXT_HEADERS = {"hop-by-hop": 0, "routing": 43, "destination-options": 60}


def parsing():
    vip4, vip6 = VIP4.format(1), VIP6.format(1)
    yield "tcp4", tcp(vip4)
    yield "tcp4-syn", tcp(vip4, sport=31338, flags=SYN)
    yield "udp4", udp(vip4)
    yield "tcp6", tcp(vip6)
    yield "udp6", udp(vip6)
    yield "tos4", tcp(vip4, tos=0x8C)
    yield "ecn4", tcp(vip4, tos=0xB9)
    yield "class6", tcp(vip6, tos=0x8C)
    yield "label6", link(wire.put(tcp(vip6)[14:], 0, bytes.fromhex("68cabcde")))
    yield "empty-udp4", udp(vip4, payload=b"")
    yield "udp4-no-checksum", udp(vip4, has_checksum=False)
    yield "padded4", padded(tcp(vip4, payload=b""))
    yield "padded-udp4", padded(udp(vip4, payload=b"1"))
    yield "dont-fragment4", with_fragment(tcp(vip4), 0x4000)
    yield "options4", with_options(tcp(vip4), bytes([1, 1, 1, 0]))
    yield "first-fragment4", with_fragment(tcp(vip4), 0x2000)
    yield "last-fragment4", with_fragment(tcp(vip4), 0x00B9)
    yield "fragment-to-others4", with_fragment(tcp("203.0.113.200"), 0x2000)
    yield "fragment6", with_extension(tcp(vip6), wire.FRAGMENT, bytes([0, 0, 1, 0, 0, 0, 1]))
    for name, kind in NEXT_HEADERS.items():
        yield name + "6", with_extension(tcp(vip6), kind, bytes([0, 1, 4, 0, 0, 0, 0]))
    yield "cut-ip4", tcp(vip4)[: 14 + 19]
    yield "cut-tcp4", tcp(vip4)[: 14 + 20 + 19]
    yield "cut-udp4", udp(vip4)[: 14 + 20 + 7]
    yield "cut-ip6", tcp(vip6)[: 14 + 39]
    yield "cut-tcp6", tcp(vip6)[: 14 + 40 + 19]
    yield "arp", HERE + THERE + b"\x08\x06" + bytes.fromhex("0001080006040001") + bytes(20)
    yield "vlan", HERE + THERE + bytes.fromhex("81000064") + tcp(vip4)[12:]
    src, dst = wire.address(CLIENT4), wire.address(vip4)
    yield "sctp", link(wire.ip4(src, dst, 132, len(TEXT)) + TEXT)
    yield "gre", link(wire.ip4(src, dst, 47, len(TEXT)) + TEXT)
    yield "tunnel4", tunnel(CLIENT4, vip4, raw(wire.TCP, CLIENT4, vip4, 1, 80))
    yield "tunnel6", tunnel(CLIENT6, vip6, raw(wire.TCP, CLIENT6, vip6, 1, 80))


def lookups():
    yield "other-address4", tcp("203.0.113.99")
    yield "other-address6", tcp("2001:db8:2::99")
    yield "other-port4", tcp(VIP4.format(1), 81)
    yield "other-port6", tcp(VIP6.format(1), 81)
    yield "other-protocol", udp(VIP4.format(2))
    yield "no-reals4", tcp(VIP4.format(3))
    yield "no-reals6", udp(VIP6.format(3))
    for port in (1, 80, 443, 65535):
        yield f"all-ports-{port}", tcp(VIP4.format(4), port)
        yield f"all-ports6-{port}", udp(VIP6.format(4), port)
        yield f"both-ports-{port}", tcp(VIP4.format(5), port)
        yield f"both-ports6-{port}", udp(VIP6.format(5), port)
    yield "one-port-before-all", tcp(VIP4.format(4), 8080)
    for sport in (1024, 31337, 60000):
        yield f"no-source-port-{sport}", tcp(VIP4.format(6), sport=sport)
        yield f"no-source-port6-{sport}", udp(VIP6.format(6), sport=sport)
    for last in (7, 8, 200):
        src4, src6 = f"198.51.100.{last}", f"2001:db8:1::{last}"
        yield f"destination-port-{last}", tcp(VIP4.format(7), 5060, src=src4, sport=1000 + last)
        yield f"destination-port6-{last}", udp(VIP6.format(7), 5060, src=src6, sport=1000 + last)
        yield f"no-table-{last}", tcp(VIP4.format(8), src=src4)
    yield "destination-port-other", tcp(VIP4.format(7), 5061)
    for sport in range(20000, 20010):
        yield f"spread-{sport}", tcp(VIP4.format(1), sport=sport)
        yield f"spread6-{sport}", tcp(VIP6.format(1), sport=sport)


def cidr():
    yield "inside4", tcp("203.0.113.64")
    yield "last4", tcp("203.0.113.127")
    yield "outside4", tcp("203.0.113.128")
    yield "longer-prefix4", tcp("203.0.113.97")
    yield "address-before-prefix4", tcp("203.0.113.100")
    yield "port-before-address4", tcp("203.0.113.101", 81)
    yield "prefix-with-all-ports4", tcp("203.0.113.70", 8443)
    yield "prefix-with-port-before-all4", tcp("203.0.113.101", 80)
    yield "udp-is-not-tcp4", udp("203.0.113.64")
    yield "inside6", udp("2001:db8:2:1::5", 443)
    yield "outside6", udp("2001:db8:2:2::5", 443)
    yield "longer-prefix6", udp("2001:db8:2:1:8000::5", 443)
    yield "address-before-prefix6", udp("2001:db8:2:1::9", 443)
    yield "two-addresses-of-one-prefix", tcp("203.0.113.65")


def icmp_suite():
    vip4, vip6 = VIP4.format(1), VIP6.format(1)
    router4, router6 = "198.51.100.254", "2001:db8:1::fe"
    yield "echo4", echo(vip4)
    yield "echo6", echo(vip6)
    yield "echo-to-others4", echo("203.0.113.77")
    yield "echo-odd4", echo(vip4, b"odd")
    yield "echo-reply4", icmp(CLIENT4, vip4, 0, 0, bytes(4), TEXT)
    yield "echo-reply6", icmp(CLIENT6, vip6, 129, 0, bytes(4), TEXT)
    yield "time-exceeded4", icmp_error(answer(wire.TCP, vip4), router4, 11, 0)
    yield "time-exceeded6", icmp_error(answer(wire.TCP, vip6), router6, 3, 0)
    yield "redirect4", icmp_error(answer(wire.TCP, vip4), router4, 5, 1)
    yield "neighbour6", icmp(CLIENT6, vip6, 135, 0, bytes(4), wire.address(vip6))
    yield "tcp4", tcp(vip4)
    yield "fragment-needed4", icmp_error(answer(wire.TCP, vip4), router4, 3, 4, b"\0\0\x05\x14")
    yield "port-unreachable4", icmp_error(answer(wire.UDP, vip4), router4, 3, 3)
    yield "tcp6", tcp(vip6)
    yield "too-big6", icmp_error(answer(wire.TCP, vip6), router6, 2, 0, b"\0\0\x05\x00")
    yield "unreachable6", icmp_error(answer(wire.UDP, vip6), router6, 1, 4)
    yield "eight-bytes4", icmp_error(answer(wire.TCP, vip4), router4, 3, 1, keep=28)
    yield "eight-bytes6", icmp_error(answer(wire.TCP, vip6), router6, 1, 0, keep=48)
    yield "seven-bytes4", icmp_error(answer(wire.TCP, vip4), router4, 3, 1, keep=27)
    yield "not-the-header4", icmp_error(answer(wire.TCP, vip4), router4, 3, 1, keep=19)
    yield "other-port4", icmp_error(answer(wire.TCP, vip4, 81), router4, 3, 1)
    yield "others4", icmp_error(answer(wire.TCP, "203.0.113.77"), router4, 3, 1)
    about_icmp = echo(CLIENT4)[14:]
    yield "about-icmp4", icmp(router4, vip4, 3, 1, bytes(4), about_icmp)
    quoted = with_options(link(answer(wire.TCP, vip4)), bytes([1, 1, 1, 0]))[14:]
    yield "quoted-options4", icmp_error(quoted, router4, 3, 1)
    yield "all-ports4", icmp_error(answer(wire.TCP, VIP4.format(4), 8080), router4, 3, 1)
    yield "no-source-port4", icmp_error(answer(wire.TCP, VIP4.format(6)), router4, 3, 1)
    yield "no-reals4", icmp_error(answer(wire.TCP, VIP4.format(3)), router4, 3, 1)
    yield "ack4", tcp(vip4, flags=ACK)


def too_big():
    long4 = bytes(range(256)) * 6
    for room in (0, 1, 200):
        fits4, fits6 = 1500 - 40 + room, 1500 - 60 + room
        yield f"tcp4-{room}", tcp(VIP4.format(1), payload=long4[:fits4])
        yield f"tcp6-{room}", tcp(VIP6.format(1), payload=long4[:fits6])
    yield "udp4", udp(VIP4.format(1), payload=long4[:1500])
    yield "udp6", udp(VIP6.format(1), payload=long4[:1500])
    yield "dont-fragment4", with_fragment(tcp(VIP4.format(1), payload=long4[:1500]), 0x4000)
    yield "tos4", tcp(VIP4.format(1), payload=long4[:1500], tos=0x8C)
    yield "to-others4", tcp("203.0.113.99", payload=long4[:1500])


SUITES = {
    "parsing": parsing,
    "lookups": lookups,
    "cidr": cidr,
    "icmp": icmp_suite,
    "too_big": too_big,
    "too_big_dropped": too_big,
}
