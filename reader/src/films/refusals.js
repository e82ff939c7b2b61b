// Reasons of files that are not read, and limits of a film's size: lib/films/refusals.py.

const SMALLEST = 16; // pixels per side
const LARGEST = 60_000_000; // pixels in total
export const LARGEST_FILE = 512 * 2 ** 20; // bytes

/** A film that cannot be used, with a short reason (UnreadableFilm). */
export class Refusal extends Error {}

/** check_size: refuse a film that may not be decoded. */
export function checkSize(width, height) {
  if (Math.min(width, height) < SMALLEST || width * height > LARGEST) {
    throw new Refusal(`implausible size: ${width} x ${height} pixels`);
  }
}
