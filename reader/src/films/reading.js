// Read a film according to its kind: lib/films/reading.py.

import { range } from "../preprocessing/numbers.js";
import { HEAD, kindOf } from "./kinds.js";
import { readPng } from "./png.js";
import { Refusal } from "./refusals.js";

const READERS = {
  PNG: async (bytes) => readPng(bytes),
  TIFF: async (bytes) => (await import("./tiff.js")).readTiff(bytes),
  JPEG: async (bytes) => (await import("./jpeg.js")).readJpeg(bytes),
  DICOM: async (bytes, atLeast) => (await import("./dicom.js")).readDicom(bytes, atLeast),
};

/**
 * read_reduced: the grey levels of a film (a File), larger = brighter, and the size of the `whole`. It may be at half its
 * size while its shorter side keeps `atLeast` pixels. Throws a Refusal.
 */
export async function readFilm(file, atLeast) {
  const kind = kindOf(await bytesOf(file.slice(0, HEAD)), file.size);
  const bytes = await bytesOf(file);
  const film = await READERS[kind](bytes, atLeast).catch(refuse);
  const [least, most] = range(film.data);
  if (!(Number.isFinite(least) && Number.isFinite(most))) throw new Refusal("grey levels that are not finite");
  if (least === most) throw new Refusal("one grey level");
  return { whole: { width: film.width, height: film.height }, ...film };
}

const bytesOf = async (file) => new Uint8Array(await file.arrayBuffer());

/** On malformed bytes parsers throw almost any error, whose message may quote the file. */
function refuse(error) {
  if (error instanceof Refusal) throw error;
  if (error instanceof RangeError && /alloc|length/i.test(error.message)) {
    throw new Refusal("too large for the memory of this browser");
  }
  throw new Refusal("truncated or damaged");
}
