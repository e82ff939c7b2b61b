// How much the strips or tiles of a TIFF unpack to, which its header does not bound.

import { Decompress } from "fflate";

import { Refusal } from "./refusals.js";

const SPARE = 2 ** 24; // bytes that tiles may reach beyond the picture
const [LZW, DEFLATE, OLD_DEFLATE] = [5, 8, 32946]; // compressions
const COUNTERS = { [LZW]: countLzw, [DEFLATE]: countDeflated, [OLD_DEFLATE]: countDeflated };

/** Refuse strips that unpack to far more than the size in the header, before they fill the memory. */
export function checkUnpacked(bytes, header) {
  const counter = COUNTERS[header.compression];
  if (!counter) return;
  const { width, height, components, bitsPerSample } = header;
  const most = 2 * Math.ceil((width * height * components * bitsPerSample) / 8) + SPARE;
  let unpacked = 0;
  const count = (length) => {
    unpacked += length;
    if (unpacked > most) throw new Refusal("implausible size: a decompression bomb");
  };
  const [offsets, lengths] = header.tiled ? [header.tileOffsets, header.tileByteCounts] : [header.stripOffsets, header.stripByteCounts];
  offsets.forEach((at, n) => counter(bytes.subarray(at, at + (lengths[n] ?? bytes.length)), count));
}

function countDeflated(strip, count) {
  const unpack = new Decompress((part) => count(part.length));
  for (let at = 0; at < strip.length; at += 65536) unpack.push(strip.subarray(at, at + 65536));
}

const [CLEAR, END] = [256, 257]; // codes

/** Count the bytes for which codes stand: each new one for those of the code before it, and one more. */
function countLzw(strip, count) {
  const lengths = new Uint32Array(4096).fill(1, 0, CLEAR);
  let [size, known, before] = [9, END + 1, 0];
  for (let at = 0, held = 0, bits = 0; ; ) {
    for (; bits < size; bits += 8) {
      if (at === strip.length) return;
      held = ((held << 8) | strip[at++]) & 0xffffff;
    }
    bits -= size;
    const code = (held >> bits) & (2 ** size - 1);
    if (code === END) return;
    if (code === CLEAR) {
      [size, known, before] = [9, END + 1, 0];
      continue;
    }
    const length = code < known ? lengths[code] : before + 1;
    if (before && known < lengths.length) lengths[known++] = before + 1;
    if (known === 2 ** size - 1 && size < 12) size++;
    before = length;
    count(length);
  }
}
