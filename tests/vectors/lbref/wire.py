# SPDX-License-Identifier: GPL-2.0-only
"""Headers and checksums as bytes."""

import ipaddress

ICMP, IPIP, TCP, UDP, IP6, FRAGMENT, ICMP6 = 1, 4, 6, 17, 41, 44, 58
ETH_IP4, ETH_IP6 = b"\x08\x00", b"\x86\xdd"
ETH_LEN = 14


def address(text):
    return ipaddress.ip_address(text).packed


def text(addr):
    return str(ipaddress.ip_address(addr))


def prefix(text):
    """(address, length) of "192.0.2.0/24"; of a plain address its whole length."""
    net = ipaddress.ip_network(text)
    return net.network_address.packed, net.prefixlen


def matches(addr, net):
    base, length = net
    shift = 8 * len(base) - length
    return len(addr) == len(base) and (
        int.from_bytes(addr, "big") >> shift == int.from_bytes(base, "big") >> shift
    )


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def u16(data, at):
    return int.from_bytes(data[at : at + 2], "big")


def be16(number):
    return number.to_bytes(2, "big")


def be32(number):
    return number.to_bytes(4, "big")


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def put(data, at, new):
    return data[:at] + new + data[at + len(new) :]


def checksum(data):
    """RFC 1071."""
    total = sum(int.from_bytes(data[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def pseudo(src, dst, proto, length):
    if len(src) == 4:
        return src + dst + bytes([0, proto]) + be16(length)
    return src + dst + be32(length) + bytes([0, 0, 0, proto])


def ip4(src, dst, proto, length, tos=0, ttl=64, ident=0, fragment=0, options=b""):
    """A header in front of @length bytes."""
    words = 5 + len(options) // 4
    head = bytes([0x40 | words, tos]) + be16(4 * words + length) + be16(ident) + be16(fragment)
    head += bytes([ttl, proto, 0, 0]) + src + dst + options
    return put(head, 10, be16(checksum(head)))


def ip6(src, dst, proto, length, tos=0, hops=64, label=0):
    return be32(6 << 28 | tos << 20 | label) + be16(length) + bytes([proto, hops]) + src + dst


def ip(src, dst, proto, length, tos=0):
    return (ip4 if len(src) == 4 else ip6)(src, dst, proto, length, tos)


def udp(sport, dport, length):
    """Without a checksum."""
    return be16(sport) + be16(dport) + be16(8 + length) + b"\0\0"


def with_checksum(src, dst, proto, segment):
    """@segment, whose checksum is 0 as yet, with the right one."""
    at = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}[proto]
    covered = segment if proto == ICMP else pseudo(src, dst, proto, len(segment)) + segment
    value = checksum(covered)
    if proto == UDP and not value:
        value = 0xFFFF
    return put(segment, at, be16(value))


def eth(dst, src, packet):
    return dst + src + (ETH_IP4 if packet[0] >> 4 == 4 else ETH_IP6) + packet
