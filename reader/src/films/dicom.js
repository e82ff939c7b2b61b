// Open a DICOM file and decode its pixels: lib/films/dicom.py and coding.py.

import parser from "dicom-parser";

import { picture } from "../opencv.js";
import { range } from "../preprocessing/numbers.js";
import { codedSize, segments } from "./coded_size.js";
import { decodedBy, decodedLossless, decodedRuns } from "./codecs.js";
import { byPixel, rgbOf } from "./colours.js";
import { shown } from "./display.js";
import { missingPreamble } from "./kinds.js";
import { decodedLossy } from "./lossy_jpeg.js";
import { lowPass, mayBeHalved, means } from "./reduced.js";
import { checkSize, notRead, Refusal } from "./refusals.js";
import { bytesOf, element, number, text } from "./tags.js";

const BASE = "1.2.840.10008.1.2";
const DEFLATED = `${BASE}.1.99`;
const BIG_ENDIAN = `${BASE}.2`;
const RUNS = `${BASE}.5`;
const NATIVE = [BASE, `${BASE}.1`, BIG_ENDIAN];
const decodedWavelets = (stream) => decodedBy("jpeg2000", stream);
const DECODERS = {
  [`${BASE}.4.50`]: decodedLossy,
  [`${BASE}.4.51`]: decodedLossy,
  [`${BASE}.4.57`]: decodedLossless,
  [`${BASE}.4.70`]: decodedLossless,
  [`${BASE}.4.80`]: (stream) => decodedBy("jpegLs", stream),
  [`${BASE}.4.81`]: (stream) => decodedBy("jpegLs", stream),
  // JPEG 2000, and that of high throughput.
  ...Object.fromEntries([90, 91, 201, 202, 203].map((number) => [`${BASE}.4.${number}`, decodedWavelets])),
  [RUNS]: decodedRuns,
};
const YBR = ["YBR_FULL", "YBR_FULL_422"];
const APP0 = 0xe0; // JPEG marker, that of a JFIF
const NO_FILMS = ["SR", "PR", "KO", "DOC", "SEG", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "PLAN", "ECG"];
// Storage classes of objects that describe films, by the numbers that follow the root.
const STORAGE = "1.2.840.10008.5.1.4.1.1.";
const OBJECTS = { 9: "waveform", 11: "presentation state", 66: "raw data or segmentation", 88: "report", 104: "document" };
const RADIOTHERAPY = 481; // images, doses and plans, of which the first alone are films

/** read_dicom: the grey levels of a film as a viewer shows them, possibly at half its size (of the `whole`). */
export async function readDicom(bytes, atLeast) {
  const { film, syntax } = opened(bytes);
  const [width, height] = checkedSize(film);
  const pixels = element(film, "PixelData");
  if (!pixels?.length) throw new Refusal("DICOM without pixels");
  const header = { ...completed(film), width, height };
  const stored = await decoded(film, syntax, pixels, header, atLeast);
  const grey = shown(stored, header, film);
  return { ...picture(grey, stored.width, stored.height), whole: { width, height } };
}

/** _read: the tags of a file, and its transfer syntax; a deflated file has no bound and is refused. */
function opened(bytes) {
  const whole = withPreamble(bytes);
  const meta = metaOf(whole);
  const stated = text(meta, "TransferSyntaxUID");
  if (stated === DEFLATED) throw new Refusal("a deflated DICOM, which is not supported");
  const data = whole.subarray(meta.position);
  const syntax = stated || syntaxOf(data);
  const film = parser.parseDicom(data, { TransferSyntaxUID: syntax });
  film.bigEndian = syntax === BIG_ENDIAN;
  film.storage = text(film, "SOPClassUID") || text(meta, "MediaStorageSOPClassUID");
  return { film, syntax };
}

function withPreamble(bytes) {
  const missing = missingPreamble(String.fromCharCode(...bytes.subarray(0, 512)));
  if (!missing) return bytes;
  const whole = new Uint8Array(missing + bytes.length);
  whole.set([..."DICM"].map((letter) => letter.charCodeAt(0)), 128);
  whole.set(bytes, missing);
  return whole;
}

/** The elements of group 2, which the file may lack, and where they end. */
function metaOf(whole) {
  const stream = new parser.ByteStream(parser.littleEndianByteArrayParser, whole, 132);
  const elements = {};
  while (stream.position + 8 < whole.length && parser.littleEndianByteArrayParser.readUint16(whole, stream.position) === 2) {
    const found = parser.readDicomElementExplicit(stream, []);
    elements[found.tag] = found;
  }
  const meta = new parser.DataSet(parser.littleEndianByteArrayParser, whole, elements);
  meta.position = stream.position;
  return meta;
}

/** The syntax of unencoded data, from the bytes of the first element. */
function syntaxOf(data) {
  if (data[0] === 0) return BIG_ENDIAN;
  return /^[A-Z]{2}$/.test(String.fromCharCode(data[4], data[5])) ? `${BASE}.1` : BASE;
}

function checkedSize(film) {
  const [group, member] = film.storage.startsWith(STORAGE) ? film.storage.slice(STORAGE.length).split(".").map(Number) : [];
  const kind = group === RADIOTHERAPY && member > 1 ? "radiotherapy" : OBJECTS[group];
  if (kind) throw new Refusal(`not a film: ${kind}`);
  const [rows, columns] = [number(film, "Rows"), number(film, "Columns")];
  if (!rows || !columns) {
    const modality = text(film, "Modality");
    throw new Refusal(NO_FILMS.includes(modality) ? `not a film: modality ${modality}` : "DICOM without pixels");
  }
  if (number(film, "NumberOfFrames") > 1) throw new Refusal("multi-frame DICOM, not one film");
  checkSize(columns, rows);
  return [columns, rows];
}

/** _add_missing_elements: what describes the pixels, with the values that viewers assume. */
function completed(film) {
  let colour = text(film, "PhotometricInterpretation").toUpperCase();
  const channels = number(film, "SamplesPerPixel") || (/^(RGB|YBR)/.test(colour) ? 3 : 1);
  if (!/^(MONOCHROME[12]|PALETTE COLOR|RGB|YBR_.*)$/.test(colour)) colour = channels === 1 ? "MONOCHROME2" : "RGB";
  const stored = number(film, "BitsStored") || number(film, "BitsAllocated") || 8;
  const allocated = number(film, "BitsAllocated") || (stored <= 8 ? 8 : 16);
  const bits = Math.min(allocated, stored);
  return { colour, channels, allocated, bits, signed: number(film, "PixelRepresentation") === 1 };
}

/** decoded: the pixels as stored, {data, width, height, channels}, of half the size where that may be. */
async function decoded(film, syntax, pixels, header, atLeast) {
  const { width, height } = header;
  const atHalf = mayBeHalved(header, film, atLeast);
  const sized = (stored) => (atHalf ? means({ ...stored, width, height }) : { ...stored, width, height });
  if (NATIVE.includes(syntax)) {
    if (pixels.hadUndefinedLength) throw new Refusal("a DICOM with encoded pixels whose encoding is not stated");
    return sized(native(film, header));
  }
  const decoder = DECODERS[syntax];
  if (!decoder) throw notRead(`a DICOM in the transfer syntax ${syntax}`);
  const stream = parser.readEncapsulatedPixelDataFromFragments(film, pixels, 0, pixels.fragments.length);
  checkFrame(stream, syntax, header);
  const half = atHalf && decoder === decodedWavelets ? await lowPass(stream, header) : null;
  if (half) return half;
  const { data, channels } = await decoder(stream, { ...header, bits: header.allocated });
  const levels = typed(data, header);
  return sized({ data: channels === 3 && isYbr(stream, syntax, header) ? rgbOf(levels) : levels, channels });
}

/** _check_frame: refuse a frame whose decoded size exceeds that of its header. */
function checkFrame(stream, syntax, { width, height, channels, allocated }) {
  if (syntax === RUNS) {
    if (stream.length > (2 * width * height * channels * allocated) / 8 + 64) throw new Refusal("truncated or damaged");
    return;
  }
  const size = codedSize(stream);
  if (size?.slice(0, 3).join() !== [width, height, channels].join()) throw new Refusal("truncated or damaged");
}

/**
 * Whether the coded colours are luminance and colour differences: as the header states, but where a JPEG or JPEG-LS names
 * its components R, G and B, or is a JFIF (_conform_jpg_colorspace of pydicom).
 */
function isYbr(stream, syntax, { colour }) {
  if (syntax === RUNS || stream[0] !== 0xff || stream[1] !== 0xd8) return YBR.includes(colour);
  const [, , , frame] = codedSize(stream);
  let isJfif = false;
  for (const { marker, at } of segments(stream)) {
    if (marker === APP0) isJfif ||= String.fromCharCode(...stream.subarray(at + 4, at + 8)) === "JFIF";
    if (marker !== frame) continue;
    const names = String.fromCharCode(...[10, 13, 16].map((place) => stream[at + place]));
    if (names.toUpperCase() === "RGB" && colour !== "RGB") return false;
    return YBR.includes(colour) || (isJfif && !colour.includes("YBR"));
  }
}

/** _native: uncompressed pixels; shifted down where they occupy the high bits of their words. */
function native(film, header) {
  const { allocated, bits, channels, width, height } = header;
  if (![8, 16, 32].includes(allocated)) throw notRead(`a DICOM of ${allocated} bits per pixel`);
  if (channels === 3) return { data: colours(film, header), channels };
  const words = wordsOf(film, header, width * height);
  const low = (number(film, "HighBit") ?? 0) + 1 - bits;
  if (low <= 0) return { data: typed(words, header), channels };
  const stored = typed(words, { ...header, bits: Math.min(bits + low, allocated) });
  const misstated = range(stored)[1] < 2 ** bits; // the low bits hold the film
  return { data: misstated ? stored : stored.map((level) => level >> low), channels };
}

/** Uncompressed colours pixel by pixel, red first. */
function colours(film, header) {
  const { colour, width, height } = header;
  const pixels = width * height;
  if (colour === "YBR_FULL_422") return rgbOf(spread(wordsOf(film, header, 2 * pixels)));
  if (!["RGB", "YBR_FULL"].includes(colour)) throw notRead(`a DICOM with colours coded as ${colour}`);
  const words = wordsOf(film, header, 3 * pixels);
  const planes = number(film, "PlanarConfiguration") === 1;
  const levels = planes ? byPixel(words, 3) : words;
  return colour === "RGB" ? levels : rgbOf(levels);
}

/** Of each two pixels, which share their colour: Y1 Y2 B R to Y1 B R Y2 B R. */
function spread(words) {
  const places = [0, 2, 3, 1, 2, 3];
  return new words.constructor(words.length * 1.5).map((_, n) => words[4 * Math.floor(n / 6) + places[n % 6]]);
}

/** The first `count` words of the pixels. */
function wordsOf(film, { allocated, colour }, count) {
  const [bytes, size] = [bytesOf(film, "PixelData"), allocated / 8];
  // As many for each pixel contradict that two share their colour.
  const misstated = colour === "YBR_FULL_422" && bytes.length >= 1.5 * count * size;
  if (bytes.length < count * size || misstated) throw new Refusal("truncated or damaged");
  const found = bytes.slice(0, count * size);
  if (film.bigEndian && size > 1) for (let at = 0; at < found.length; at += size) found.subarray(at, at + size).reverse();
  const Words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[size];
  return new Words(found.buffer);
}

/** Without the bits that are not of the picture, and with its sign. */
function typed(words, { allocated, bits, signed }) {
  const unused = allocated - bits;
  if (!signed) return unused ? words.map((word) => word & (2 ** bits - 1)) : words;
  const Signed = { 8: Int8Array, 16: Int16Array, 32: Int32Array }[allocated];
  const shift = 32 - bits;
  return Signed.from(words, (word) => (word << shift) >> shift);
}
