# SPDX-License-Identifier: GPL-2.0-only
"""The hashes that rings and flows need, from their published descriptions."""

M32 = 0xFFFFFFFF
M64 = 0xFFFFFFFFFFFFFFFF


def rol(word, bits, mask=M32):
    size = mask.bit_length()
    return (word << bits | word >> (size - bits)) & mask


def words_of(data, size):
    """Little-endian words of @size bytes."""
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]


def jenkins(data, seed):
    """Jenkins' lookup3 of @data as Linux' jhash(); a multiple of 4 bytes, at least 4."""
    words = words_of(data, 4)
    a = b = c = (0xDEADBEEF + len(data) + seed) & M32
    while len(words) > 3:
        a, b, c = (a + words[0]) & M32, (b + words[1]) & M32, (c + words[2]) & M32
        words = words[3:]
        for bits in (4, 6, 8, 16, 19, 4):
            # One step of the mix; the roles go round.
            a = ((a - c) & M32) ^ rol(c, bits)
            c = (c + b) & M32
            a, b, c = b, c, a
    words += [0] * (3 - len(words))
    a, b, c = (a + words[0]) & M32, (b + words[1]) & M32, (c + words[2]) & M32
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - rol(b, bits)) & M32
        a, b, c = b, c, a
    # Seven steps leave what was c one role behind.
    return b


def xxh32(data, seed):
    """XXH32 of a multiple of 4 bytes (xxhash_spec.md)."""
    p1, p2, p3, p4, p5 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1
    words = words_of(data, 4)
    if len(words) < 4:
        h = seed + p5
    else:
        lanes = [seed + p1 + p2, seed + p2, seed, seed - p1]
        while len(words) >= 4:
            lanes = [rol((v + w * p2) & M32, 13) * p1 & M32 for v, w in zip(lanes, words)]
            words = words[4:]
        h = sum(rol(v, bits) for v, bits in zip(lanes, (1, 7, 12, 18)))
    h = (h + len(data)) & M32
    for word in words:
        h = rol((h + word * p3) & M32, 17) * p4 & M32
    h = (h ^ h >> 15) * p2 & M32
    h = (h ^ h >> 13) * p3 & M32
    return h ^ h >> 16


def murmur3_32(data, seed):
    """MurmurHash3_x86_32 of a multiple of 4 bytes."""
    h = seed
    for word in words_of(data, 4):
        h ^= rol(word * 0xCC9E2D51 & M32, 15) * 0x1B873593 & M32
        h = (rol(h, 13) * 5 + 0xE6546B64) & M32
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & M32
    h = (h ^ h >> 13) * 0xC2B2AE35 & M32
    return h ^ h >> 16


def murmur_mix(k):
    """fmix64 of MurmurHash3."""
    k = (k ^ k >> 33) * 0xFF51AFD7ED558CCD & M64
    k = (k ^ k >> 33) * 0xC4CEB9FE1A85EC53 & M64
    return k ^ k >> 33


def murmur_two(a, b, seed):
    """h1 of MurmurHash3_x64_128 over the two 64-bit words @a and @b."""
    c1, c2 = 0x87C37B91114253D5, 0x4CF5AD432745937F
    h1 = h2 = seed
    h1 ^= rol(a * c1 & M64, 31, M64) * c2 & M64
    h1 = ((rol(h1, 27, M64) + h2) * 5 + 0x52DCE729) & M64
    h2 ^= rol(b * c2 & M64, 33, M64) * c1 & M64
    h2 = ((rol(h2, 31, M64) + h1) * 5 + 0x38495AB5) & M64
    h1 ^= 16
    h2 ^= 16
    h1 = (h1 + h2) & M64
    h2 = (h2 + h1) & M64
    return (murmur_mix(h1) + murmur_mix(h2)) & M64


def spooky_16(data):
    """SpookyHash V2, 128 bits, of 16 bytes with seeds 0 and 0: its short form."""
    magic = 0xDEADBEEFDEADBEEF
    w0, w1 = words_of(data, 8)
    state = [0, 0, (magic + w0) & M64, (magic + w1) & M64]
    # h2 += h3 after h2 is turned, h0 ^= h2, and so on round the four.
    for i, bits in enumerate((50, 52, 30, 41, 54, 48, 38, 37, 62, 34, 5, 36)):
        x, y, z = (i + 2) % 4, (i + 3) % 4, i % 4
        state[x] = (rol(state[x], bits, M64) + state[y]) & M64
        state[z] ^= state[x]
    # Nothing is left of the 16 bytes, which has a constant of its own; the length is on top.
    state[3] = (state[3] + (16 << 56)) & M64
    state[2] = (state[2] + magic) & M64
    state[3] = (state[3] + magic) & M64
    for i, bits in enumerate((15, 52, 26, 51, 28, 9, 47, 54, 32, 25, 63)):
        x, y = (i + 3) % 4, (i + 2) % 4
        state[x] ^= state[y]
        state[y] = rol(state[y], bits, M64)
        state[x] = (state[x] + state[y]) & M64
    return state[0], state[1]
