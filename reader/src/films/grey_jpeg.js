// Decode a grey JPEG with losses (baseline or extended, 8 or 12 bits) to the grey levels that Python's decoder gives.
//
// The standard leaves the rounding of the inverse cosine transform to the decoder, and that of a browser or of
// libjpeg-turbo differs from Python's (pylibjpeg-libjpeg) by a grey level on some percent of the pixels, always to the
// same side, which the equalisation of a flat film spreads. Here it is the same: cosines of 9 bits, 4 bits of fraction.

import { segments } from "./coded_size.js";
import { Refusal } from "./refusals.js";

const SCAN = 0xda; // marker of the segment after which the coded pixels begin
const FRACTION = 2 ** 4;
const COSINES = 2 ** 9;
// Of each frequency (row) at each place: cosines, by the factor sqrt 2 but for the mean.
const BASIS = Float64Array.from({ length: 64 }, (_, n) => {
  const [frequency, place] = [n >> 3, n % 8];
  const cosine = frequency ? Math.SQRT2 * Math.cos(((2 * place + 1) * frequency * Math.PI) / 16) : 1;
  return Math.round(COSINES * cosine);
});
// The place, row by row, of each frequency in the order in which they are coded.
const ZIGZAG = Array.from({ length: 64 }, (_, n) => n).sort((one, other) => rank(one) - rank(other));

/** Decode a stream: {data, width, height, channels}. Refuses one that is cut or damaged. */
export function decodedGrey(stream) {
  const { width, height, bits, table, codes, interval, start } = headerOf(stream);
  const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
  const blocks = coefficients(new Bits(stream, start), codes, interval, across * down);
  const data = new (bits > 8 ? Uint16Array : Uint8Array)(width * height);
  const [middle, most] = [2 ** (bits - 1), 2 ** bits - 1];
  let n = 0;
  for (const block of blocks) {
    for (let place = 0; place < 64; place++) block[place] *= table[place] * FRACTION;
    transform(block);
    const [left, top] = [8 * (n % across), 8 * Math.floor(n++ / across)];
    for (let row = 0; row < Math.min(8, height - top); row++) {
      for (let column = 0; column < Math.min(8, width - left); column++) {
        const level = rounded(block[8 * row + column], FRACTION) + middle;
        data[(top + row) * width + left + column] = Math.min(Math.max(level, 0), most);
      }
    }
  }
  return { data, width, height, channels: 1 };
}

/** The order in which frequencies are coded: by diagonals, up and down in turn. */
function rank(place) {
  const [row, column] = [place >> 3, place % 8];
  return 8 * (row + column) + ((row + column) % 2 ? row : column);
}

/** What precedes the coded pixels: the size, the tables that the scan names, and where it starts. */
function headerOf(stream) {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const [tables, huffman] = [[], [[], []]]; // of steps; of codes, for means and for other frequencies
  const header = { interval: 0 };
  for (const { marker, at, end } of segments(stream)) {
    if (marker === 0xdb) for (let place = at + 4; place < end; ) place = readSteps(view, place, tables);
    if (marker === 0xc4) for (let place = at + 4; place < end; ) place = readCodes(view, place, huffman);
    if (marker === 0xdd) header.interval = view.getUint16(at + 4);
    if (marker === 0xc0 || marker === 0xc1) {
      Object.assign(header, { bits: view.getUint8(at + 4), height: view.getUint16(at + 5), width: view.getUint16(at + 7) });
      header.steps = view.getUint8(at + 12);
    }
    if (marker === SCAN) {
      const chosen = view.getUint8(at + 6);
      const codes = [huffman[0][chosen >> 4], huffman[1][chosen & 15]];
      const isWhole = view.getUint16(at + 7) === 63; // all frequencies in one scan
      if (!isWhole || !header.width || !tables[header.steps] || codes.includes(undefined)) break;
      return { ...header, table: tables[header.steps], codes, start: end };
    }
  }
  throw new Refusal("truncated or damaged");
}

/** Read the steps of the quantisation, in the order of the places; return where they end. */
function readSteps(view, at, tables) {
  const [deep, number] = [view.getUint8(at) >> 4, view.getUint8(at) & 15];
  tables[number] = new Int32Array(64);
  ZIGZAG.forEach((place, n) => {
    tables[number][place] = deep ? view.getUint16(at + 1 + 2 * n) : view.getUint8(at + 1 + n);
  });
  return at + 1 + (deep ? 128 : 64);
}

/** Read a table of codes: for the next 16 bits, the length of the code times 256 plus its meaning. */
function readCodes(view, at, huffman) {
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
  huffman[kind][number] = table;
  return next;
}

/** Yield the coded levels of each block of 8 x 8 pixels; the same array, filled again. */
function* coefficients(stream, [means, others], interval, count) {
  const block = new Int32Array(64);
  let mean = 0;
  for (let n = 0; n < count; n++) {
    if (interval && n && n % interval === 0) {
      stream.restart();
      mean = 0;
    }
    block.fill(0);
    block[0] = mean += stream.level(stream.meaning(means));
    for (let k = 1; k < 64; k++) {
      const meaning = stream.meaning(others);
      const [zeros, size] = [meaning >> 4, meaning & 15];
      if (!size && zeros < 15) break;
      k += zeros;
      if (size) block[ZIGZAG[k]] = stream.level(size);
    }
    yield block;
  }
}

class Bits {
  constructor(stream, at) {
    Object.assign(this, { stream, at, held: 0, count: 0 });
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

const rounded = (value, unit) => Math.floor(value / unit + 0.5);

/** The inverse cosine transform of a block, along rows and then along columns, in place. */
function transform(block) {
  for (let row = 0; row < 64; row += 8) along(block, row, 1, COSINES);
  for (let column = 0; column < 8; column++) along(block, column, 8, 8 * COSINES);
}

const sums = new Float64Array(8);

function along(block, start, step, unit) {
  sums.fill(0);
  for (let frequency = 0; frequency < 64; frequency += 8) {
    const level = block[start + (frequency >> 3) * step];
    if (level) for (let place = 0; place < 8; place++) sums[place] += level * BASIS[frequency + place];
  }
  for (let place = 0; place < 8; place++) block[start + place * step] = rounded(sums[place], unit);
}
