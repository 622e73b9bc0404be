#!/usr/bin/env python3
"""Draws the sample of Fashion-MNIST that ships with Lowland.

    python3 make.py FOLDER

FOLDER holds the publisher's four files (plain or .gz). Writes four gzipped IDX files beside this script. Only the
standard library is needed; the same FOLDER gives the same examples in the same order.
"""

import gzip
import random
import struct
import sys
from pathlib import Path

SEED = 2017
CLASSES = 10
# Examples per class.
PARTS = {"train": 200, "t10k": 100}


def read(folder, name):
    packed, plain = folder / (name + ".gz"), folder / name
    return gzip.decompress(packed.read_bytes()) if packed.exists() else plain.read_bytes()


def write(name, header, values):
    # No name and no time in the gzip header, so that a second run gives the same files.
    path = Path(__file__).resolve().parent / (name + ".gz")
    path.write_bytes(gzip.compress(header + values, compresslevel=9, mtime=0))
    print(path.name, path.stat().st_size, "bytes")


def draw(folder, part, per_class, generator):
    images = read(folder, part + "-images-idx3-ubyte")
    labels = read(folder, part + "-labels-idx1-ubyte")
    magic, count, rows, columns = struct.unpack(">IIII", images[:16])
    assert magic == 0x803 and struct.unpack(">II", labels[:8]) == (0x801, count)
    pixels, labels = images[16:], labels[8:]
    size = rows * columns
    assert len(pixels) == count * size and len(labels) == count

    chosen = []
    for label in range(CLASSES):
        chosen += generator.sample([i for i in range(count) if labels[i] == label], per_class)
    # Shuffled, so that the first and the last part of the file hold every class.
    generator.shuffle(chosen)

    write(
        part + "-images-idx3-ubyte",
        struct.pack(">IIII", 0x803, len(chosen), rows, columns),
        b"".join(pixels[i * size : (i + 1) * size] for i in chosen),
    )
    write(
        part + "-labels-idx1-ubyte",
        struct.pack(">II", 0x801, len(chosen)),
        bytes(labels[i] for i in chosen),
    )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    generator = random.Random(SEED)
    for part, per_class in PARTS.items():
        draw(Path(sys.argv[1]), part, per_class, generator)


if __name__ == "__main__":
    main()
