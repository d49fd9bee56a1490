# SPDX-License-Identifier: GPL-2.0-only
"""How packets get to reals, and out of tunnels that end here."""

from . import wire

TTL = 64


def inner_of(packet, gue_port):
    """The packet in a tunnel packet, or None."""
    if packet.proto in (wire.IPIP, wire.IP6):
        return packet.transport
    if packet.proto == wire.UDP and len(packet.transport) > 8:
        is_ip = packet.transport[8] >> 4 in (4, 6)
        if is_ip and wire.u16(packet.transport, 2) == gue_port:
            return packet.transport[8:]
    return None


def with_lower_ttl(ip_packet):
    if ip_packet[0] >> 4 == 6:
        return wire.put(ip_packet, 7, bytes([ip_packet[7] - 1]))
    length = 4 * (ip_packet[0] & 15)
    head = wire.put(ip_packet[:length], 8, bytes([ip_packet[8] - 1]))
    head = wire.put(head, 10, b"\0\0")
    return wire.put(head, 10, wire.be16(wire.checksum(head))) + ip_packet[length:]


def relink(mac, packet, ip_packet):
    """@ip_packet in place of the packet's own, from where the frame came to, to @mac."""
    padding = packet.frame[wire.ETH_LEN + len(packet.inner) :]
    return wire.eth(mac, packet.frame[0:6], ip_packet) + padding


def send(lb, vip, real, packet, outer_sport):
    own_mac = real.mac or lb.gateway
    if vip.encap == "l2":
        return relink(own_mac, packet, packet.inner)
    if vip.encap == "rewrite":
        return relink(own_mac, packet, readdress(packet.inner, dst=real.addr))
    if len(real.addr) == 4 and packet.inner[0] >> 4 == 6:
        raise packet.drop("mixed_family")
    wrap = gue if vip.encap == "gue" else ipip
    return relink(lb.gateway, packet, wrap(lb, real, packet, outer_sport))


def ipip(_lb, real, packet, sport):
    proto = wire.IPIP if packet.inner[0] >> 4 == 4 else wire.IP6
    if len(real.addr) == 4:
        # The port's low byte meets the address' third byte, its high byte the fourth.
        src = wire.address("172.16.0.0")[:2] + wire.xor(packet.src[2:], sport[::-1])
    else:
        last = packet.src[-4:]
        src = wire.address("100::")[:12] + wire.xor(last[:2], sport) + last[2:]
    return wire.ip(src, real.addr, proto, len(packet.inner), packet.tos) + packet.inner


def gue(lb, real, packet, sport):
    client = packet.src[2:4] if len(packet.src) == 4 else packet.src[12:14]
    is_ip4 = len(real.addr) == 4
    src = lb.source4 if is_ip4 else lb.source6
    # As in ipip(): over IPv4 the port's low byte meets the address' third byte.
    port = wire.xor(client, sport[::-1] if is_ip4 else sport)
    segment = wire.udp(wire.u16(port, 0), lb.gue_port, len(packet.inner)) + packet.inner
    # A checksum that covers what has none itself would need all of it: none (RFC 6935).
    if not is_ip4 and has_checksum(packet):
        value = wire.checksum(wire.pseudo(src, real.addr, wire.UDP, len(segment)) + segment)
        segment = wire.put(segment, 6, wire.be16(value))
    return wire.ip(src, real.addr, wire.UDP, len(segment), packet.tos) + segment


def has_checksum(packet):
    return packet.is_icmp or packet.proto == wire.TCP or packet.transport[6:8] != b"\0\0"


def readdress(ip_packet, src=None, dst=None):
    """TCP and UDP to or from another address; a UDP checksum that is none stays none."""
    is_ip4 = ip_packet[0] >> 4 == 4
    at, size, length = (12, 4, 20) if is_ip4 else (8, 16, 40)
    src = src or ip_packet[at : at + size]
    dst = dst or ip_packet[at + size : at + 2 * size]
    proto = ip_packet[9] if is_ip4 else ip_packet[6]
    head = wire.put(ip_packet[:length], at, src + dst)
    if is_ip4:
        head = wire.put(head, 10, b"\0\0")
        head = wire.put(head, 10, wire.be16(wire.checksum(head)))
    segment = ip_packet[length:]
    at = 16 if proto == wire.TCP else 6
    if proto == wire.UDP and segment[6:8] == b"\0\0":
        return head + segment
    return head + wire.with_checksum(src, dst, proto, wire.put(segment, at, b"\0\0"))
