"""Writes data/points.bin: 2,500 points of 8 coordinates around 16 middles, as little-endian doubles.

Run it in this folder. It uses integers and divisions by powers of two alone, so it writes the same bytes everywhere.
"""

import struct

POINTS, DIM, MIDDLES = 2500, 8, 16
MASK = (1 << 64) - 1


def numbers(state):
    """SplitMix64, as whole numbers below 2**32."""
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield (z ^ (z >> 31)) >> 32


def main():
    random = numbers(42)
    # Middles lie in a box of side 100; points around them spread like the sum of four dice (about a bell).
    middles = [[next(random) * 100 / 2**32 for _ in range(DIM)] for _ in range(MIDDLES)]
    with open("data/points.bin", "wb") as out:
        for _ in range(POINTS):
            middle = middles[next(random) % MIDDLES]
            point = [x + sum(next(random) * 16 / 2**32 for _ in range(4)) - 32 for x in middle]
            out.write(struct.pack(f"<{DIM}d", *point))


main()
