# SPDX-License-Identifier: GPL-2.0-only
"""Rings: which real each of 65,537 positions belongs to, and a flow's position."""

import functools
import math

from . import hashes
from .hashes import M32, M64

SIZE = 65537
SEED6 = 512
SEED = 512 * SIZE


def hash_128(upper, lower):
    k = 0x9DDFEA08EB382D69
    a = (lower ^ upper) * k & M64
    a ^= a >> 47
    b = (upper ^ a) * k & M64
    b ^= b >> 47
    return b * k & M64


def fnv(addr):
    f = 2166136261
    for byte in addr:
        f = f * 16777619 & M32
        f ^= byte if byte < 128 else byte | 0xFFFFFF00
    return f


def real_hash(addr):
    if addr[:12] == bytes(10) + b"\xff\xff":
        addr = addr[12:]
    if len(addr) == 4:
        return hash_128(2, fnv(addr))
    return hash_128(10, hash_128(*hashes.spooky_16(addr)))


class Walk:
    """The order in which a real tries positions."""

    def __init__(self, addr, weight):
        self.addr, self.weight, self.saved, self.way = addr, weight, 0, 0
        number = real_hash(addr)
        self.offset = hashes.murmur_two(number, 42, 0) % SIZE
        self.skip = hashes.murmur_two(number, 2718281828, 2307) % (SIZE - 1) + 1

    def take(self, ring):
        while True:
            position = (self.offset + self.way & M32) % SIZE
            self.way += self.skip
            if ring[position] is None:
                ring[position] = self.addr
                return


def turns(walks, kind):
    """Whose turn it is, without end."""
    heaviest = max(walk.weight for walk in walks)
    first = True
    while True:
        for walk in walks:
            if kind == "maglev1":
                yield from [walk] * (walk.weight if first else 1)
                continue
            walk.saved += walk.weight
            if walk.saved >= heaviest:
                walk.saved -= heaviest
                yield walk
        first = False


def maglev(kind, members):
    ring = [None] * SIZE
    order = turns([Walk(addr, weight) for addr, weight in members], kind)
    for _ in range(SIZE):
        next(order).take(ring)
    return ring


def draw(number, position):
    """What a real draws for a position, from 0 (the best) on, below 1."""
    z = (number ^ hashes.murmur_mix(position + 1)) * 0xFF51AFD7ED558CCD & M64
    z = (z ^ z >> 32) * 0xC4CEB9FE1A85EC53 & M64
    return (z + 1) / 2**64


def rendezvous(members):
    """The lowest -log(1 - draw) / weight wins."""
    numbers = [(real_hash(addr), weight, addr) for addr, weight in members]
    return [
        min((-math.log1p(-draw(number, p)) / weight, addr) for number, weight, addr in numbers)[1]
        for p in range(SIZE)
    ]


@functools.lru_cache(maxsize=None)
def build(kind, members):
    """@members: (address, weight) pairs in any order; a ring of addresses, of None without any."""
    members = sorted((m for m in members if m[1]), key=lambda m: real_hash(m[0]))
    if not members:
        return [None] * SIZE
    if kind == "hrw":
        return rendezvous(members)
    return maglev(kind, members)


def flow_hash(kind, client, ports):
    """@client: 4 or 16 bytes; @ports: the 4 bytes of both, as they stand in the packet."""
    if kind == "xxhash":
        return hashes.xxh32(client + ports, SEED)
    if kind == "murmur3":
        return hashes.murmur3_32(client + ports, SEED)
    if len(client) == 16:
        client = hashes.jenkins(client, SEED6).to_bytes(4, "little")
    return hashes.jenkins(client + ports, SEED)


def position(kind, client, ports):
    return flow_hash(kind, client, ports) % SIZE
