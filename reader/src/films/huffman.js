// Read the levels of a JPEG's blocks from its Huffman codes.

import { Refusal } from "./refusals.js";

/** The place, row by row, of each frequency in the order in which they are coded. */
export const ZIGZAG = Array.from({ length: 64 }, (_, n) => n).sort((one, other) => rank(one) - rank(other));

/** The order in which frequencies are coded: by diagonals, up and down in turn. */
function rank(place) {
  const [row, column] = [place >> 3, place % 8];
  return 8 * (row + column) + ((row + column) % 2 ? row : column);
}

/**
 * Read a table of codes into `tables` (of means, and of other frequencies): for the next 16 bits, the length of
 * the code times 256 plus its meaning. Returns where it ends.
 */
export function readCodes(view, at, tables) {
  const [kind, number] = [view.getUint8(at) >> 4, view.getUint8(at) & 15];
  const table = new Uint16Array(2 ** 16);
  let [from, next] = [0, at + 17];
  for (let length = 1; length <= 16; length++) {
    for (let left = view.getUint8(at + length); left > 0; left--) {
      const upTo = from + 2 ** (16 - length);
      table.fill(256 * length + view.getUint8(next++), from, upTo);
      from = upTo;
    }
  }
  tables[kind][number] = table;
  return next;
}

/** The coded pixels of a stream, which begin at a place. */
export class Codes {
  constructor(stream, at) {
    Object.assign(this, { stream, at, held: 0, count: 0 });
  }

  /** Read the levels of a block of 8 x 8 into `block`; its mean is coded as the difference to that before. */
  read(block, [means, others], before) {
    block.fill(0);
    block[0] = before + this.level(this.meaning(means));
    for (let k = 1; k < 64; k++) {
      const meaning = this.meaning(others);
      const [zeros, size] = [meaning >> 4, meaning & 15];
      if (!size && zeros < 15) break;
      k += zeros;
      if (size) block[ZIGZAG[k]] = this.level(size);
    }
  }

  /** The next 16 bits, of which none is taken; after the end of the scan they are zero. */
  ahead() {
    while (this.count < 16) {
      const byte = this.stream[this.at] ?? 0xff;
      const ends = byte === 0xff && this.stream[this.at + 1] !== 0;
      this.at += ends ? 0 : byte === 0xff ? 2 : 1;
      this.held = ((this.held & 0xffff) << 8) | (ends ? 0 : byte);
      this.count += 8;
      if (ends && (this.missing = (this.missing ?? 0) + 8) > 64) throw new Refusal("truncated or damaged");
    }
    return (this.held >> (this.count - 16)) & 0xffff;
  }

  meaning(table) {
    const found = table[this.ahead()];
    if (!found) throw new Refusal("truncated or damaged");
    this.count -= found >> 8;
    return found & 255;
  }

  /** The level that `size` bits code. */
  level(size) {
    if (!size) return 0;
    const bits = this.ahead() >> (16 - size);
    this.count -= size;
    return bits < 2 ** (size - 1) ? bits - 2 ** size + 1 : bits;
  }

  /** Go behind the next marker. */
  restart() {
    this.count = this.missing = 0;
    while (this.at < this.stream.length && !(this.stream[this.at] === 0xff && this.stream[this.at + 1] !== 0)) this.at++;
    this.at += 2;
  }
}
