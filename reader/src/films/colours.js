// Grey of colours, as Pillow computes it, and colours of luminance and differences (ITU-R BT.601).

import { picture } from "../opencv.js";
import { mean } from "../preprocessing/numbers.js";

/** The grey levels of pixels of 8 bits and three channels or more, red first. */
export function greyOf(pixels, channels) {
  const grey = new Uint8Array(pixels.length / channels);
  for (let n = 0, at = 0; n < grey.length; n++, at += channels) {
    grey[n] = (19595 * pixels[at] + 38470 * pixels[at + 1] + 7471 * pixels[at + 2] + 0x8000) >> 16;
  }
  return grey;
}

/** Samples pixel by pixel, of which those of each colour were together. */
export function byPixel(samples, channels) {
  const pixels = samples.length / channels;
  return samples.map((_, n) => samples[(n % channels) * pixels + Math.floor(n / channels)]);
}

/** Colours, red first, of pixels of luminance and the differences of blue and red, three levels of 8 bits each. */
export function rgbOf(pixels) {
  return pixels.map((_, n) => {
    const at = n - (n % 3);
    const [y, blue, red] = [pixels[at], pixels[at + 1] - 128, pixels[at + 2] - 128];
    const level = [y + 1.402 * red, y - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587, y + 1.772 * blue][n - at];
    return Math.min(Math.max(Math.round(level), 0), 255);
  });
}

const COLOURED = 8; // grey levels

/** Whether colours vary as in photographs (lib/films/colours.py); pixels as those of `greyOf`. */
export function isColoured(pixels, channels) {
  return [0, 2].some((channel) => deviation(pixels, channels, channel) > COLOURED);
}

/** The mean deviation of the difference between a channel and green. */
function deviation(pixels, channels, channel) {
  const apart = Float32Array.from({ length: pixels.length / channels }, (_, n) => pixels[n * channels + channel] - pixels[n * channels + 1]);
  const middle = mean(apart);
  return mean(apart.map((value) => Math.abs(value - middle)));
}

/**
 * _grey of lib/films/picture.py: 16 bits of grey are kept; 16 bits of colour become 8, and grey of few
 * bits is spread to 8. `data` has one level per sample, `palette` colours of 8 bits. The picture may be `coloured`.
 */
export function inGrey({ data, width, height, depth, channels, palette }) {
  if (depth === 16 && channels === 1) return picture(data, width, height);
  if (depth === 16) return inGrey({ data: data.map((level) => level >> 8), width, height, depth: 8, channels });
  if (palette) {
    const colours = palette.map((colour) => colour.slice(0, 3));
    const pixels = new Uint8Array(3 * data.length);
    data.forEach((level, n) => pixels.set(colours[level], 3 * n));
    return inGrey({ data: pixels, width, height, depth: 8, channels: 3 });
  }
  const factor = 255 / (2 ** depth - 1);
  const full = Uint8Array.from(data, (level) => level * factor);
  if (channels < 3) return picture(full.filter((_, n) => n % channels === 0), width, height);
  return { ...picture(greyOf(full, channels), width, height), coloured: isColoured(full, channels) };
}
