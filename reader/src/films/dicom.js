// Open a DICOM file and decode its pixels: lib/films/dicom.py and coding.py.

import parser from "dicom-parser";

import { picture } from "../opencv.js";
import { range } from "../preprocessing/numbers.js";
import { codedSize, segments } from "./coded_size.js";
import { decodedBy, decodedLossless, decodedRuns } from "./codecs.js";
import { shown } from "./display.js";
import { decodedGrey } from "./grey_jpeg.js";
import { missingPreamble } from "./kinds.js";
import { checkSize, Refusal } from "./refusals.js";
import { bytesOf, element, number, text } from "./tags.js";

const BASE = "1.2.840.10008.1.2";
const DEFLATED = `${BASE}.1.99`;
const BIG_ENDIAN = `${BASE}.2`;
const RUNS = `${BASE}.5`;
const NATIVE = [BASE, `${BASE}.1`, BIG_ENDIAN];
const DECODERS = {
  [`${BASE}.4.50`]: jpeg,
  [`${BASE}.4.51`]: jpeg,
  [`${BASE}.4.57`]: decodedLossless,
  [`${BASE}.4.70`]: decodedLossless,
  [`${BASE}.4.80`]: (stream) => decodedBy("jpegLs", stream),
  [`${BASE}.4.81`]: (stream) => decodedBy("jpegLs", stream),
  [`${BASE}.4.90`]: (stream) => decodedBy("jpeg2000", stream),
  [`${BASE}.4.91`]: (stream) => decodedBy("jpeg2000", stream),
  [RUNS]: decodedRuns,
};
// JPEG markers: of the size, of what Adobe's programs say of colours, and of what decoders pass over.
const [BASELINE, EXTENDED, APP14, COMMENT] = [0xc0, 0xc1, 0xee, 0xfe];
const ADOBE = [0xff, APP14, 0, 14, ...[..."Adobe"].map((letter) => letter.charCodeAt(0)), 0, 100, 0, 0, 0, 0, 0];
const NO_FILMS = ["SR", "PR", "KO", "DOC", "SEG", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "PLAN", "ECG"];
// Storage classes of objects that describe films, by the numbers that follow the root.
const STORAGE = "1.2.840.10008.5.1.4.1.1.";
const OBJECTS = { 9: "waveform", 11: "presentation state", 66: "raw data or segmentation", 88: "report", 104: "document" };

/** read_dicom: the grey levels of a film as a viewer shows them. */
export async function readDicom(bytes) {
  const { film, syntax } = opened(bytes);
  const [width, height] = checkedSize(film);
  const pixels = element(film, "PixelData");
  if (!pixels?.length) throw new Refusal("DICOM without pixels");
  const header = { ...completed(film), width, height };
  const stored = await decoded(film, syntax, pixels, header);
  return picture(shown(stored, header, film), width, height);
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
  const kind = film.storage.startsWith(STORAGE) ? OBJECTS[film.storage.slice(STORAGE.length).split(".")[0]] : null;
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

/** decoded: the pixels as stored, {data, channels}. */
async function decoded(film, syntax, pixels, header) {
  if (NATIVE.includes(syntax)) {
    if (pixels.hadUndefinedLength) throw new Refusal("a DICOM with encoded pixels whose encoding is not stated");
    return native(film, header);
  }
  const decoder = DECODERS[syntax];
  if (!decoder) throw new Refusal(`a DICOM in an unsupported transfer syntax: ${syntax}`);
  const stream = parser.readEncapsulatedPixelDataFromFragments(film, pixels, 0, pixels.fragments.length);
  checkFrame(stream, syntax, header);
  const { data, channels } = await decoder(stream, { ...header, bits: header.allocated });
  return { data: typed(data, header), channels };
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

/** A JPEG with losses: grey ones bit by bit as in Python, colours to two or three grey levels. */
function jpeg(stream, { colour }) {
  const [, , channels, marker] = codedSize(stream);
  if (channels === 1 && (marker === BASELINE || marker === EXTENDED)) return decodedGrey(stream);
  return decodedBy("jpeg", channels === 3 ? withColours(stream, colour !== "RGB") : stream);
}

/** State in a JPEG whether its colours are YBR: as the header of the DICOM does, but for a JFIF, which always is. */
function withColours(stream, areYbr) {
  const whole = new Uint8Array(stream.length + ADOBE.length);
  whole.set(stream.subarray(0, 2));
  whole.set(ADOBE, 2);
  whole.set(stream.subarray(2), 2 + ADOBE.length);
  for (const { marker, at } of segments(stream)) if (marker === APP14) whole[at + ADOBE.length + 1] = COMMENT;
  whole[1 + ADOBE.length] = areYbr ? 1 : 0;
  return whole;
}

/** _native: uncompressed pixels; shifted down where they occupy the high bits of their words. */
function native(film, header) {
  const { allocated, bits, channels, width, height } = header;
  if (![8, 16, 32].includes(allocated)) throw new Refusal(`${allocated} bits per pixel, which this page does not read`);
  const [count, size] = [width * height * channels, allocated / 8];
  const bytes = bytesOf(film, "PixelData");
  if (channels === 3 && !["RGB", "YBR_FULL"].includes(header.colour)) {
    throw new Refusal(`colours coded as ${header.colour}, which this page does not read`);
  }
  if (bytes.length < count * size) throw new Refusal("truncated or damaged");
  const words = wordsOf(bytes.slice(0, count * size), size, film.bigEndian);
  if (channels === 3) return { data: inPixels(words, header, film), channels };
  const low = (number(film, "HighBit") ?? 0) + 1 - bits;
  if (low <= 0) return { data: typed(words, header), channels };
  const stored = typed(words, { ...header, bits: Math.min(bits + low, allocated) });
  const misstated = range(stored)[1] < 2 ** bits; // the low bits hold the film
  return { data: misstated ? stored : stored.map((level) => level >> low), channels };
}

function wordsOf(bytes, size, bigEndian) {
  if (bigEndian && size > 1) for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  const Words = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[size];
  return new Words(bytes.buffer);
}

/** Without the bits that are not of the picture, and with its sign. */
function typed(words, { allocated, bits, signed }) {
  const unused = allocated - bits;
  if (!signed) return unused ? words.map((word) => word & (2 ** bits - 1)) : words;
  const Signed = { 8: Int8Array, 16: Int16Array, 32: Int32Array }[allocated];
  const shift = 32 - bits;
  return Signed.from(words, (word) => (word << shift) >> shift);
}

/** Colours pixel by pixel, red first. */
function inPixels(words, { width, height, colour }, film) {
  const pixels = width * height;
  const planes = number(film, "PlanarConfiguration") === 1;
  const rgb = planes ? words.map((_, n) => words[(n % 3) * pixels + Math.floor(n / 3)]) : words;
  if (colour === "RGB") return rgb;
  return rgb.map((_, n) => {
    const [y, blue, red] = [rgb[n - (n % 3)], rgb[n - (n % 3) + 1] - 128, rgb[n - (n % 3) + 2] - 128];
    const level = [y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue][n % 3];
    return Math.min(Math.max(Math.round(level), 0), 255);
  });
}
