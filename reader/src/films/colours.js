// Grey of colours, as Pillow computes it (ITU-R BT.601).

import { picture } from "../opencv.js";

/** The grey levels of pixels of 8 bits and three channels or more, red first. */
export function greyOf(pixels, channels) {
  const grey = new Uint8Array(pixels.length / channels);
  for (let n = 0, at = 0; n < grey.length; n++, at += channels) {
    grey[n] = (19595 * pixels[at] + 38470 * pixels[at + 1] + 7471 * pixels[at + 2] + 0x8000) >> 16;
  }
  return grey;
}

/**
 * _grey of lib/films/picture.py: 16 bits of grey are kept; 16 bits of colour become 8, and grey of few
 * bits is spread to 8. `data` has one level per sample, `palette` colours of 8 bits.
 */
export function inGrey({ data, width, height, depth, channels, palette }) {
  if (depth === 16 && channels === 1) return picture(data, width, height);
  if (depth === 16) return inGrey({ data: data.map((level) => level >> 8), width, height, depth: 8, channels });
  if (palette) {
    const grey = greyOf(Uint8Array.from(palette.flatMap((colour) => colour.slice(0, 3))), 3);
    return picture(Uint8Array.from(data, (level) => grey[level]), width, height);
  }
  const factor = 255 / (2 ** depth - 1);
  const full = Uint8Array.from(data, (level) => level * factor);
  return picture(channels < 3 ? full.filter((_, n) => n % channels === 0) : greyOf(full, channels), width, height);
}
