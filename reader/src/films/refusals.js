// Reasons of files that are not read, and limits of a film's size: lib/films/refusals.py.

const SMALLEST = 16; // pixels per side
export const LARGEST = 60_000_000; // pixels in total
export const LARGEST_FILE = 512 * 2 ** 20; // bytes

/** A film that cannot be used, with a short reason (UnreadableFilm). */
export class Refusal extends Error {}

/** A film of a kind that Python reads, and this page does not; the sentence says what to do. */
export const notRead = (what) => new Refusal(`${what}, which this page does not read: convert it to PNG`);

/** check_size: refuse a film that may not be decoded. */
export function checkSize(width, height) {
  if (Math.min(width, height) < SMALLEST || width * height > LARGEST) {
    throw new Refusal(`implausible size: ${width} x ${height} pixels`);
  }
}
