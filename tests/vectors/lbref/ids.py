# SPDX-License-Identifier: GPL-2.0-only
"""Server ids that packets carry: QUIC connection ids, stable routing, the TCP option."""

TCP_OPTIONS_MAX = 15
STABLE_ROUTING = 0x52


def is_quic_initial(payload):
    """Initial or 0-RTT; without room for an id it is not looked at."""
    return len(payload) >= 14 and payload[0] & 0x80 and payload[0] & 0x30 < 0x20


def of_quic(payload):
    """The server id in the destination connection id, and its version; or 0, 0."""
    if not payload:
        return 0, 0
    if payload[0] & 0x80:
        if payload[0] & 0x30 < 0x20:
            return 0, 0  # Initial, 0-RTT
        if len(payload) < 6 or payload[5] < 8:
            return 0, 0
        cid = payload[6:]
    else:
        cid = payload[1:]
    if len(cid) < 8:
        return 0, 0
    version = cid[0] >> 6
    number = 0
    if version == 1:
        number = (cid[0] & 0x3F) << 10 | cid[1] << 2 | cid[2] >> 6
    elif version == 2:
        number = int.from_bytes(cid[1:4], "big")
    elif version == 3:
        number = int.from_bytes(cid[1:5], "big")
    return (number, version) if 0 < number < 1 << 31 else (0, 0)


def of_stable_routing(payload):
    if len(payload) < 4 or payload[0] != STABLE_ROUTING:
        return 0
    return int.from_bytes(payload[1:4], "big")


def of_tcp(options, kind):
    at = 0
    for _ in range(TCP_OPTIONS_MAX):
        if at >= len(options) or options[at] == 0:
            return 0
        if options[at] == 1:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            return 0
        if options[at] == kind and options[at + 1] == 6 and at + 6 <= len(options):
            return int.from_bytes(options[at + 2 : at + 6], "little")
        at += options[at + 1]
    return 0
