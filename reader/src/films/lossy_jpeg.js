// Decode a JPEG with losses (baseline or extended, 8 or 12 bits, grey or colours) to the levels that Python's decoder gives.
//
// The standard leaves the rounding of the inverse cosine transform to the decoder, and that of a browser or of
// libjpeg-turbo differs from Python's (pylibjpeg-libjpeg) by a grey level on some percent of the pixels, always to the
// same side, which the equalisation of a flat film spreads. Here it is the same: cosines of 9 bits, 4 bits of fraction.
// How colours of less resolution are interpolated is left to the decoder, too.

import { segments } from "./coded_size.js";
import { Codes, readCodes, ZIGZAG } from "./huffman.js";
import { notRead, Refusal } from "./refusals.js";
import { upsampled } from "./upsampling.js";

const [BASELINE, EXTENDED, STEPS, HUFFMAN, RESTART, SCAN] = [0xc0, 0xc1, 0xdb, 0xc4, 0xdd, 0xda]; // markers
const FRACTION = 2 ** 4;
const COSINES = 2 ** 9;
// Of each frequency (row) at each place: cosines, by the factor sqrt 2 but for the mean.
const BASIS = Float64Array.from({ length: 64 }, (_, n) => {
  const [frequency, place] = [n >> 3, n % 8];
  const cosine = frequency ? Math.SQRT2 * Math.cos(((2 * place + 1) * frequency * Math.PI) / 16) : 1;
  return Math.round(COSINES * cosine);
});

/**
 * Decode a stream: {data, width, height, channels}, colours pixel by pixel as they are coded. Refuses one that is cut
 * or damaged, or of a rare coding.
 */
export function decodedLossy(stream) {
  const header = headerOf(stream);
  const { width, height, bits, components } = header;
  decodeScan(stream, header);
  const channels = components.length;
  const data = new (bits > 8 ? Uint16Array : Uint8Array)(width * height * channels);
  const [middle, most] = [2 ** (bits - 1), 2 ** bits - 1];
  components.forEach((component, channel) => {
    const plane = upsampled(cut(component, width, height), component);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const level = rounded(plane.data[y * plane.width + x], FRACTION) + middle;
        data[(y * width + x) * channels + channel] = Math.min(Math.max(level, 0), most);
      }
    }
  });
  return { data, width, height, channels };
}

/** What precedes the coded pixels: the size, the components with the tables that the scan names, and where it starts. */
function headerOf(stream) {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const [tables, huffman] = [[], [[], []]]; // of steps; of codes, for means and for other frequencies
  const header = { interval: 0 };
  for (const { marker, at, end } of segments(stream)) {
    if (marker === STEPS) for (let place = at + 4; place < end; ) place = readSteps(view, place, tables);
    if (marker === HUFFMAN) for (let place = at + 4; place < end; ) place = readCodes(view, place, huffman);
    if (marker === RESTART) header.interval = view.getUint16(at + 4);
    if (marker === BASELINE || marker === EXTENDED) Object.assign(header, sizeOf(view, at));
    if (marker === SCAN) {
      checkScan(view, at, end, header);
      header.components.forEach((component, n) => {
        const chosen = view.getUint8(at + 6 + 2 * n);
        component.table = tables[component.steps];
        component.codes = [huffman[0][chosen >> 4], huffman[1][chosen & 15]];
        if (!component.table || component.codes.includes(undefined)) throw new Refusal("truncated or damaged");
      });
      return { ...header, start: end };
    }
  }
  throw new Refusal("truncated or damaged");
}

/** The size of the picture, and of each component its number of blocks in a unit, and how its plane is to be enlarged. */
function sizeOf(view, at) {
  const [bits, height, width, count] = [view.getUint8(at + 4), view.getUint16(at + 5), view.getUint16(at + 7), view.getUint8(at + 9)];
  const components = Array.from({ length: count }, (_, n) => {
    const factors = count === 1 ? 0x11 : view.getUint8(at + 11 + 3 * n); // a single one has one block in a unit
    return { wide: factors >> 4, high: factors & 15, steps: view.getUint8(at + 12 + 3 * n) };
  });
  const most = (name) => Math.max(...components.map((component) => component[name]));
  for (const component of components) {
    Object.assign(component, { across: most("wide") / component.wide, down: most("high") / component.high });
  }
  const [columns, rows] = [Math.ceil(width / (8 * most("wide"))), Math.ceil(height / (8 * most("high")))];
  return { bits, height, width, components, columns, rows };
}

/** Refuse a picture that is not coded in one scan, or with colours at less than half the resolution. */
function checkScan(view, at, end, { components }) {
  if (!components) throw notRead("a JPEG of a rare coding");
  const isWhole = view.getUint8(at + 4) === components.length && view.getUint8(end - 2) === 63;
  const areUsual = components.every(({ across, down }) => [1, 2].includes(across) && [1, 2].includes(down));
  if (!isWhole || !areUsual) throw notRead("a JPEG of a rare coding");
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

/** Fill the plane of each component with its levels, of whole blocks, with their fraction. */
function decodeScan(stream, { components, interval, columns, rows, start }) {
  const codes = new Codes(stream, start);
  for (const component of components) {
    component.stride = 8 * columns * component.wide;
    component.plane = new Int32Array(component.stride * 8 * rows * component.high);
  }
  for (let unit = 0; unit < columns * rows; unit++) {
    if (unit % (interval || Infinity) === 0) {
      if (unit) codes.restart();
      for (const component of components) component.mean = 0;
    }
    for (const component of components) {
      const [left, top] = [(unit % columns) * component.wide, Math.floor(unit / columns) * component.high];
      for (let n = 0; n < component.wide * component.high; n++) {
        decodeBlock(codes, component, left + (n % component.wide), top + Math.floor(n / component.wide));
      }
    }
  }
}

const block = new Int32Array(64);

/** Decode the next block into its place in the plane, in blocks. */
function decodeBlock(codes, component, column, row) {
  codes.read(block, component.codes, component.mean);
  component.mean = block[0];
  for (let place = 0; place < 64; place++) block[place] *= component.table[place] * FRACTION;
  transform(block);
  for (let y = 0; y < 8; y++) {
    component.plane.set(block.subarray(8 * y, 8 * y + 8), (8 * row + y) * component.stride + 8 * column);
  }
}

/** The part of a component's plane that is of the picture. */
function cut({ plane, stride, across, down }, width, height) {
  const [columns, rows] = [Math.ceil(width / across), Math.ceil(height / down)];
  const data = new Int32Array(columns * rows);
  for (let y = 0; y < rows; y++) data.set(plane.subarray(y * stride, y * stride + columns), y * columns);
  return { data, width: columns, height: rows };
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
