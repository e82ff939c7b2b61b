// Grey of colours, as Pillow computes it (ITU-R BT.601).

/** The grey levels of pixels of 8 bits and three channels or more, red first. */
export function greyOf(pixels, channels) {
  const grey = new Uint8Array(pixels.length / channels);
  for (let n = 0, at = 0; n < grey.length; n++, at += channels) {
    grey[n] = (19595 * pixels[at] + 38470 * pixels[at + 1] + 7471 * pixels[at + 2] + 0x8000) >> 16;
  }
  return grey;
}
