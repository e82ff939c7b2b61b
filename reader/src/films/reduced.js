// Decode a film at half its size, which JPEG 2000 offers: lib/films/reduced.py.

import { decodedBy } from "./codecs.js";
import { codestream } from "./coded_size.js";
import { number } from "./tags.js";

const GREY = ["MONOCHROME1", "MONOCHROME2"];

/** halved: the pixels of a stream of JPEG 2000 as stored, {data, width, height, channels}, or null; of `atLeast` pixels. */
export async function halved(stream, header, film, atLeast) {
  const { colour, signed, bits, width, height } = header;
  if (Math.min(width, height) < 2 * atLeast || !GREY.includes(colour) || signed || bits > 16) return null;
  if (number(film, "PixelPaddingValue") !== null) return null;
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
