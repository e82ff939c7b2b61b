// Decode a TIFF, after its size has been checked in the header: lib/films/picture.py.

import { decode, isMultiPage } from "tiff";

import { picture } from "../opencv.js";
import { inGrey } from "./colours.js";
import { checkSize, LARGEST, notRead, Refusal } from "./refusals.js";
import { checkUnpacked } from "./tiff_strips.js";

const [WHITE_IS_ZERO, PALETTE] = [0, 3]; // photometric interpretations
const [UNSIGNED, FLOAT] = [1, 3]; // sample formats

/** read_picture: the grey levels of a TIFF of one frame. Refuses those of rare codings. */
export function readTiff(bytes) {
  const [header] = decoded(bytes, { ignoreImageData: true, pages: [0] });
  checkSize(header.width, header.height);
  if (isMultiPage(bytes)) throw new Refusal("several frames, not one film");
  if (!isUsual(header)) throw rare();
  checkUnpacked(bytes, header);
  const [film] = decoded(bytes, { pages: [0] });
  const { data, width, height, bitsPerSample: depth, components: channels } = film;
  if (film.sampleFormat === FLOAT) return picture(data, width, height);
  // The colours of a TIFF have 16 bits.
  const palette = film.type === PALETTE ? film.palette.map((colour) => colour.map((level) => level >> 8)) : null;
  return inGrey({ data, width, height, depth, channels, palette });
}

/** Whether the decoder gives the same grey levels as Pillow. */
function isUsual(header) {
  const { type, tiled, components, sampleFormat, bitsPerSample, planarConfiguration, fillOrder, associatedAlpha } = header;
  if (components > 4 || (tiled && header.tileWidth * header.tileHeight > LARGEST)) return false;
  if (fillOrder !== 1 || associatedAlpha || (components > 1 && (tiled || planarConfiguration !== 1))) return false;
  if (sampleFormat === FLOAT) return bitsPerSample === 32 && components === 1 && type !== WHITE_IS_ZERO;
  return sampleFormat === UNSIGNED && !(type === PALETTE && bitsPerSample !== 8);
}

function decoded(bytes, options) {
  try {
    return decode(bytes, options);
  } catch (error) {
    throw /^unsupported/i.test(error.message) ? rare() : error;
  }
}

const rare = () => notRead("a TIFF of a rare coding");
