#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Known rings for tests/unit/test_lb_ring.c: tests/vectors/rings.py >tests/vectors/rings.tsv

Written from docs/load-balancing.md and the papers, plainly and slowly, with no code in
common with programs/lb. Rendezvous hashing is done with floating point here, by its
textbook formula, where programs/lb has integers.

Columns: name, kind, reals, SHA-256 of the ring as 65537 little-endian 32-bit indexes.
Reals are ADDRESS[+COUNT]*WEIGHT, COUNT addresses in a row; indexes count from 1.
"""

import hashlib
import ipaddress
import math
import random
import struct

RING = 65537
M32 = 2**32 - 1
M64 = 2**64 - 1


def rot(x, k):
    return (x << k | x >> (64 - k)) & M64


def fmix(k):
    k ^= k >> 33
    k = k * 0xFF51AFD7ED558CCD & M64
    k ^= k >> 33
    k = k * 0xC4CEB9FE1A85EC53 & M64
    return k ^ k >> 33


def murmur(k1, k2, seed):
    """h1 of MurmurHash3_x64_128 over 16 bytes."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = seed
    h1 ^= rot(k1 * c1 & M64, 31) * c2 & M64
    h1 = ((rot(h1, 27) + h2 & M64) * 5 + 0x52DCE729) & M64
    h2 ^= rot(k2 * c2 & M64, 33) * c1 & M64
    h2 = ((rot(h2, 31) + h1 & M64) * 5 + 0x38495AB5) & M64
    h1 ^= 16
    h2 ^= 16
    h1 = h1 + h2 & M64
    h2 = h2 + h1 & M64
    return fmix(h1) + fmix(h2) & M64


def spooky16(data):
    """SpookyHash V2 128 of 16 bytes, seeds 0."""
    c0 = 0xDEADBEEFDEADBEEF
    w0, w1 = struct.unpack("<2Q", data)
    h0, h1, h2, h3 = 0, 0, c0 + w0 & M64, c0 + w1 & M64
    for r in (50, 52, 30), (41, 54, 48), (38, 37, 62), (34, 5, 36):
        for k in r:
            h2 = rot(h2, k) + h3 & M64
            h0 ^= h2
            h0, h1, h2, h3 = h1, h2, h3, h0
    h3 = h3 + (16 << 56) + c0 & M64
    h2 = h2 + c0 & M64
    for k in 15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63:
        h3 ^= h2
        h2 = rot(h2, k)
        h3 = h3 + h2 & M64
        h0, h1, h2, h3 = h1, h2, h3, h0
    # 12 steps turn the names round three times, 11 leave one to go.
    return h1, h2


def join128(upper, lower):
    k = 0x9DDFEA08EB382D69
    a = (lower ^ upper) * k & M64
    a ^= a >> 47
    b = (upper ^ a) * k & M64
    b ^= b >> 47
    return b * k & M64


def fnv(data):
    f = 2166136261
    for byte in data:
        f = f * 16777619 & M32
        f ^= byte | 0xFFFFFF00 if byte & 0x80 else byte
    return f


def real_hash(addr):
    if addr.version == 6 and addr.ipv4_mapped:
        addr = addr.ipv4_mapped
    if addr.version == 4:
        return join128(2, fnv(addr.packed))
    return join128(10, join128(*spooky16(addr.packed)))


def maglev(reals, first_turns, turns):
    """Fill a ring in rounds; first_turns and turns say how often each may choose."""
    walks = []
    for addr, weight, index in sorted(reals, key=lambda r: real_hash(r[0])):
        h = real_hash(addr)
        offset = murmur(h, 42, 0) % RING
        skip = murmur(h, 2718281828, 2307) % (RING - 1) + 1
        walks.append([offset, skip, 0, weight, index, 0])
    ring = [0] * RING
    left = RING
    this_turn = first_turns
    while True:
        for walk in walks:
            for _ in range(this_turn(walk)):
                while True:
                    at = (walk[0] + walk[2] * walk[1] & M32) % RING
                    walk[2] += 1
                    if not ring[at]:
                        break
                ring[at] = walk[4]
                left -= 1
                if not left:
                    return ring
        this_turn = turns


def maglev1(reals):
    return maglev(reals, lambda walk: walk[3], lambda walk: 1)


def maglev2(reals):
    heaviest = max(weight for _, weight, _ in reals)

    def turns(walk):
        walk[5] += walk[3]
        if walk[5] < heaviest:
            return 0
        walk[5] -= heaviest
        return 1

    return maglev(reals, turns, turns)


def hrw(reals):
    hashes = [(real_hash(addr), weight, index) for addr, weight, index in reals]
    ring = []
    for position in range(RING):
        salt = fmix(position + 1)

        def score(real, salt=salt):
            z = (real[0] ^ salt) * 0xFF51AFD7ED558CCD & M64
            draw = (z ^ z >> 32) * 0xC4CEB9FE1A85EC53 & M64
            return -real[1] / math.log1p(-(draw + 0.5) / 2**64)

        ring.append(max(hashes, key=score)[2])
    return ring


KINDS = {"maglev1": maglev1, "maglev2": maglev2, "hrw": hrw}


def expand(text):
    reals = []
    for part in text.split(","):
        start, weight = part.split("*")
        start, _, count = start.partition("+")
        for i in range(int(count or 1)):
            reals.append((ipaddress.ip_address(start) + i, int(weight), len(reals) + 1))
    return reals


def build(kind, text):
    reals = [real for real in expand(text) if real[1]]
    if not reals:
        return [0] * RING
    if len(reals) == 1:
        return [reals[0][2]] * RING
    return KINDS[kind](reals)


FIXED = [
    ("no_real", "192.0.2.1*0"),
    ("one_real", "192.0.2.1*1"),
    ("one_real_with_a_weight", "192.0.2.1*0,192.0.2.2*7,192.0.2.3*0"),
    ("two_reals", "192.0.2.1+2*1"),
    ("three_reals", "10.0.0.1+3*1"),
    ("three_ip6_reals", "fc00::1+3*1"),
    ("bytes_with_a_sign", "203.0.113.127+3*1,127.128.255.0*1"),
    ("both_families", "192.0.2.1+5*1,2001:db8::1+5*1"),
    ("mapped_addresses", "::ffff:192.0.2.1+2*1,192.0.2.9*1"),
    ("unequal_weights", "192.0.2.1*1,192.0.2.2*2,192.0.2.3*3,2001:db8::4*10"),
    ("large_weights", "192.0.2.1*1000,192.0.2.2*1001,192.0.2.3*65535"),
    ("a_weight_above_the_ring", "192.0.2.1*100000,192.0.2.2*1"),
]
# Too many positions times reals for floating point in Python.
MAGLEV_ONLY = [
    ("100_reals", "10.1.0.0+100*1"),
    ("1000_reals", "10.2.0.0+500*1,2001:db8:1::+500*1"),
    ("1000_weighted_reals", "10.3.0.0+250*100,10.4.0.0+250*33,2001:db8:2::+500*7"),
    ("4096_reals", "10.16.0.0+4096*1"),
]


def draw_reals(rng):
    parts = []
    for _ in range(rng.randint(2, 12)):
        bits = rng.getrandbits(32 if rng.random() < 0.6 else 128)
        kind = ipaddress.IPv4Address if bits < 2**32 else ipaddress.IPv6Address
        weight = rng.choice([0, 1, 1, 1, 2, 10, rng.randint(1, 1000)])
        parts.append(f"{kind(bits)}*{weight}")
    return ",".join(parts)


def main():
    rng = random.Random(20)
    cases = [(kind, name, reals) for name, reals in FIXED for kind in KINDS]
    cases += [(kind, name, reals) for name, reals in MAGLEV_ONLY for kind in list(KINDS)[:2]]
    cases += [
        (kind, f"random_{i}", draw_reals(rng)) for i in range(20) for kind in ("maglev1", "maglev2")
    ]
    cases += [("hrw", f"random_{i}", draw_reals(rng)) for i in range(20, 26)]
    for kind, name, reals in cases:
        ring = build(kind, reals)
        digest = hashlib.sha256(struct.pack(f"<{RING}I", *ring)).hexdigest()
        print(f"{kind}_of_{name}", kind, reals, digest, sep="\t")


if __name__ == "__main__":
    main()
