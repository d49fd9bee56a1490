# SPDX-License-Identifier: GPL-2.0-only
"""Packets of the suites, made from few words."""

from . import wire

HERE, THERE = wire.mac("02:00:00:00:00:02"), wire.mac("02:00:00:00:00:01")
CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8:1::1:7"
VIP4, VIP6 = "203.0.113.{}", "2001:db8:2::{}"
SYN, RST, ACK = 2, 4, 16
TEXT = b"a test packet"


def link(packet):
    return wire.eth(HERE, THERE, packet)


def addresses(src, dst):
    return wire.address(src), wire.address(dst)


def segment_of(proto, sport, dport, flags=ACK, options=b"", payload=TEXT):
    """With a checksum of 0."""
    if proto == wire.UDP:
        return wire.udp(sport, dport, len(payload)) + payload
    words = 5 + len(options) // 4
    head = wire.be16(sport) + wire.be16(dport) + bytes(8) + bytes([words << 4, flags, 0x20, 0])
    return head + bytes(4) + options + payload


def raw(proto, src, dst, sport, dport, tos=0, has_checksum=True, **segment):
    """TCP or UDP on IP."""
    src, dst = addresses(src, dst)
    body = segment_of(proto, sport, dport, **segment)
    if has_checksum:
        body = wire.with_checksum(src, dst, proto, body)
    return wire.ip(src, dst, proto, len(body), tos) + body


def client_of(dst):
    return CLIENT6 if ":" in dst else CLIENT4


def tcp(dst, dport=80, src=None, sport=31337, **more):
    return link(raw(wire.TCP, src or client_of(dst), dst, sport, dport, **more))


def udp(dst, dport=80, src=None, sport=31337, **more):
    return link(raw(wire.UDP, src or client_of(dst), dst, sport, dport, **more))


def icmp(src, dst, kind, code, rest, payload):
    src, dst = addresses(src, dst)
    proto = wire.ICMP if len(src) == 4 else wire.ICMP6
    body = bytes([kind, code, 0, 0]) + rest + payload
    body = wire.with_checksum(src, dst, proto, body)
    return link(wire.ip(src, dst, proto, len(body)) + body)


def echo(dst, payload=TEXT):
    return icmp(client_of(dst), dst, 128 if ":" in dst else 8, 0, b"\x12\x34\0\x01", payload)


def icmp_error(quoted, src, kind, code, rest=bytes(4), keep=None):
    """An error about @quoted, a packet that the VIP sent, to the VIP."""
    vip = quoted[8:24] if quoted[0] >> 4 == 6 else quoted[12:16]
    text = ".".join(map(str, vip)) if len(vip) == 4 else vip.hex(":", 2)
    return icmp(src, text, kind, code, rest, quoted[:keep])


def answer(proto, vip, sport=80, dport=31337, client=None, **more):
    """What an ICMP error quotes: the VIP's packet to the client."""
    return raw(proto, vip, client or client_of(vip), sport, dport, **more)


def tunnel(src, dst, inner):
    src, dst = addresses(src, dst)
    proto = wire.IPIP if inner[0] >> 4 == 4 else wire.IP6
    return link(wire.ip(src, dst, proto, len(inner)) + inner)


def gue(src, dst, inner, port=6080):
    src, dst = addresses(src, dst)
    body = wire.udp(40000, port, len(inner)) + inner
    if len(src) == 16:
        body = wire.with_checksum(src, dst, wire.UDP, body)
    return link(wire.ip(src, dst, wire.UDP, len(body)) + body)


def with_ttl(ip_packet, ttl):
    if ip_packet[0] >> 4 == 6:
        return wire.put(ip_packet, 7, bytes([ttl]))
    head = wire.put(ip_packet[:20], 8, bytes([ttl]) + ip_packet[9:10] + b"\0\0")
    return wire.put(head, 10, wire.be16(wire.checksum(head))) + ip_packet[20:]


def with_options(frame, options):
    """The IPv4 frame with IP options in it."""
    ip = frame[wire.ETH_LEN :]
    head = wire.ip4(ip[12:16], ip[16:20], ip[9], len(ip) - 20, ip[1], options=options)
    return link(head + ip[20:])


def with_fragment(frame, word):
    """The IPv4 frame with another flags and offset word."""
    ip = wire.put(frame[wire.ETH_LEN :], 6, wire.be16(word) + frame[22:24] + b"\0\0")
    return link(wire.put(ip, 10, wire.be16(wire.checksum(ip[:20]))))


def with_extension(frame, kind, body):
    """The IPv6 frame with an extension header of type @kind; @body: all but its first byte."""
    ip = frame[wire.ETH_LEN :]
    ip = wire.put(ip, 4, wire.be16(wire.u16(ip, 4) + 1 + len(body)) + bytes([kind]))
    return link(ip[:40] + frame[20:21] + body + ip[40:])


def padded(frame, size=60):
    return frame.ljust(size, b"\0")


def quic_long(kind, cid, length=None):
    """@kind: 0 Initial, 1 0-RTT, 2 Handshake, 3 Retry."""
    length = len(cid) if length is None else length
    return bytes([0xC0 | kind << 4]) + b"\0\0\0\x01" + bytes([length]) + cid + b"\0and some data"


def quic_short(cid):
    return b"\x40" + cid + b"and some data"


def cid(version, number):
    """A connection id with a server's in it."""
    bits = version << 6
    head = {
        0: bytes([bits, 1, 2, 3, 4]),
        1: bytes([bits | number >> 10 & 0x3F, number >> 2 & 0xFF, (number & 3) << 6, 0x33, 0x44]),
        2: bytes([bits]) + (number & 0xFFFFFF).to_bytes(3, "big") + b"\x55",
        3: bytes([bits]) + number.to_bytes(4, "big"),
    }[version]
    return head + b"\x66\x77\x88"


def server_id(number, kind=0xB7):
    return bytes([kind, 6]) + number.to_bytes(4, "little")


def options(*parts):
    """TCP options, padded with the end of the list."""
    whole = b"".join(parts)
    return whole.ljust(-len(whole) % 4 + len(whole), b"\0")
