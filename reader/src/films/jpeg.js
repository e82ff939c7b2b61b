// Decode a JPEG, after its size has been checked in the header: lib/films/picture.py.

import { codedSize, segments } from "./coded_size.js";
import { decodedBy } from "./codecs.js";
import { inGrey } from "./colours.js";
import { orientationIn, upright } from "./exif.js";
import { checkSize, notRead, Refusal } from "./refusals.js";

const EXIF = 0xe1; // marker of the segment that may hold an orientation
const END = 0xd9; // marker of the end

/** read_picture: the grey levels of a JPEG, turned upright. */
export async function readJpeg(bytes) {
  const size = codedSize(bytes);
  if (!size) throw new Refusal("truncated or damaged");
  checkSize(size[0], size[1]);
  if (!(size[2] === 1 || size[2] === 3)) throw notRead("a JPEG of four inks");
  if (!isComplete(bytes)) throw new Refusal("truncated or damaged");
  const { data, width, height, channels } = await decodedBy("jpeg", bytes);
  return upright(inGrey({ data, width, height, depth: 8, channels }), orientation(bytes));
}

/** Whether the marker of the end is there; the decoder fills a truncated film with grey. */
function isComplete(bytes) {
  for (let at = bytes.length - 2; at > 0; at--) if (bytes[at] === 0xff && bytes[at + 1] === END) return true;
  return false;
}

function orientation(bytes) {
  const isExif = ({ marker, at }) => marker === EXIF && String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === "Exif";
  const found = [...segments(bytes)].find(isExif);
  return found ? orientationIn(bytes.subarray(found.at + 10, found.end)) : 1;
}
