// Read a film at half its size: lib/films/reduced.py.

import { decodedBy } from "./codecs.js";
import { codestream } from "./coded_size.js";
import { number } from "./tags.js";

const GREY = ["MONOCHROME1", "MONOCHROME2"];

/** may_be_halved: whether a film may be read at half its size, its shorter side keeping `atLeast` pixels. */
export function mayBeHalved({ colour, channels, signed, allocated, width, height }, film, atLeast) {
  const plain = GREY.includes(colour) && channels === 1 && !signed && allocated <= 16;
  return plain && number(film, "PixelPaddingValue") === null && Math.min(width, height) >= 2 * atLeast;
}

/** means: the rounded means of 2 x 2 stored levels; a last odd row or column is doubled. */
export function means({ data, width, height, channels }) {
  const [columns, rows] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const halves = new data.constructor(columns * rows);
  for (let y = 0, at = 0; y < rows; y++) {
    const upper = 2 * y * width;
    const lower = 2 * y + 1 < height ? upper + width : upper;
    for (let x = 0; x < columns; x++, at++) {
      const left = 2 * x;
      const right = left + 1 < width ? left + 1 : left;
      halves[at] = (data[upper + left] + data[upper + right] + data[lower + left] + data[lower + right] + 2) >> 2;
    }
  }
  return { data: halves, width: columns, height: rows, channels };
}

/** low_pass: the stored levels of a stream of JPEG 2000 at half the size, {data, width, height, channels}, or null. */
export async function lowPass(stream, { bits }) {
  const siz = codestream(stream);
  const plain = [0, 1, bits - 1, 1, 1];
  if (siz.slice(16, 24).some(Boolean) || siz.slice(40, 45).join() !== plain.join()) return null;
  const low = await decodedBy("jpeg2000", stream, 1).catch(() => null);
  return low && { ...low, data: centred(low) };
}

/** _centred: a low-pass moved by a quarter of a pixel, to where the means of 2 x 2 pixels are. */
function centred({ data, width, height }) {
  const moved = new data.constructor(data.length);
  for (let y = 0, at = 0; y < height; y++) {
    const below = y + 1 < height ? width : 0;
    for (let x = 0; x < width; x++, at++) {
      const right = x + 1 < width ? 1 : 0;
      const [upper, lower] = [3 * data[at] + data[at + right], 3 * data[at + below] + data[at + below + right]];
      moved[at] = (3 * upper + lower + 8) >> 4;
    }
  }
  return moved;
}
