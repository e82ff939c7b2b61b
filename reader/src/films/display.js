// Display stored pixels as a viewer does: rescaled, windowed, bone bright: lib/films/display.py.

import { range } from "../preprocessing/numbers.js";
import { Refusal } from "./refusals.js";
import { bytesOf, item, number, numbers, text } from "./tags.js";

const GREY_WEIGHTS = Float32Array.of(0.299, 0.587, 0.114);

/**
 * shown: grey levels, larger = brighter, from stored pixels (a typed array, with `channels`) and
 * their tags; `header` has those of lib/films/coding.py, completed.
 */
export function shown({ data, channels }, header, film) {
  const colours = header.colour === "PALETTE COLOR" ? coloured(data, film) : channels === 3 ? data : null;
  if (colours) return weighted(colours);
  const padding = paddingOf(data, header, film);
  const [rescaledGrey, bounds] = rescaled(data, header, film, padding);
  let grey = windowed(rescaledGrey, bounds, film, padding);
  const negative = header.colour === "MONOCHROME1" || text(film, "PresentationLUTShape").toUpperCase() === "INVERSE";
  if (padding) {
    const dark = rangeWithout(grey, padding)[negative ? 1 : 0];
    grey = grey.map((level, n) => (padding[n] ? dark : level));
  }
  if (negative) {
    const most = range(grey)[1];
    grey = (grey instanceof Uint8Array || grey instanceof Uint16Array ? grey : Float64Array.from(grey)).map((level) => most - level);
  }
  return grey instanceof Uint8Array || grey instanceof Uint16Array ? grey : Float32Array.from(grey);
}

/** _grey_of: the grey of colours, rounded once; the last bit may decide on a grey level. */
function weighted(colours) {
  const [red, green, blue] = GREY_WEIGHTS;
  return Float32Array.from({ length: colours.length / 3 }, (_, n) => {
    return red * colours[3 * n] + green * colours[3 * n + 1] + blue * colours[3 * n + 2];
  });
}

/** _coloured: palette colours by their tables, of 8 or 16 bits. */
function coloured(stored, film) {
  const tables = ["Red", "Green", "Blue"].map((name) => {
    const data = bytesOf(film, `${name}PaletteColorLookupTableData`);
    const [length, first] = numbers(film, `${name}PaletteColorLookupTableDescriptor`);
    if (!data) throw new Refusal("palette colours without their table");
    return { entries: wordsOf(data, length || 65536, film), first };
  });
  const look = ({ entries, first }, level) => entries[Math.min(Math.max(level - first, 0), entries.length - 1)];
  return Float32Array.from({ length: 3 * stored.length }, (_, n) => look(tables[n % 3], stored[Math.floor(n / 3)]));
}

/** _padding: an array of 1 where there is padding, or null. */
function paddingOf(stored, { allocated, signed }, film) {
  const ends = ["PixelPaddingValue", "PixelPaddingRangeLimit"].map((name) => number(film, name));
  if (ends[0] === null) return null;
  const span = 2 ** Math.max(16, allocated);
  const start = signed ? -span / 2 : 0;
  const inSpan = ends.filter((end) => end !== null).map((end) => ((((end - start) % span) + span) % span) + start);
  const [least, most] = range(inSpan);
  const padding = Uint8Array.from(stored, (level) => level >= least && level <= most);
  return padding.includes(1) && padding.includes(0) ? padding : null;
}

function rangeWithout(grey, padding) {
  return range(padding ? grey.filter((_, n) => !padding[n]) : grey);
}

const varies = (grey, padding) => {
  const [least, most] = rangeWithout(grey, padding);
  return least < most;
};

/** _rescaled: by the modality table, else slope and intercept; also the [least, most] grey. */
function rescaled(stored, { bits, signed }, film, padding) {
  const table = tableOf(film, "ModalityLUTSequence");
  if (table) {
    const grey = lookedUp(table, stored);
    if (varies(grey, padding)) return [grey, [0, 2 ** table.bits - 1]];
  }
  const levels = 2 ** bits;
  const bounds = signed ? [-levels / 2, levels / 2 - 1] : [0, levels - 1];
  let [slope, intercept] = ["RescaleSlope", "RescaleIntercept"].map((name) => number(film, name));
  if (slope === null && intercept === null) return [stored, bounds];
  [slope, intercept] = [slope || 1, intercept || 0];
  return [Float64Array.from(stored, (level) => level * slope + intercept), bounds.map((end) => end * slope + intercept)];
}

/** _windowed: through the first table or window that leaves more than one grey level, if any. */
function windowed(grey, bounds, film, padding) {
  for (const display of displays(grey, bounds, film)) if (varies(display, padding)) return display;
  return grey;
}

function* displays(grey, bounds, film) {
  const table = tableOf(film, "VOILUTSequence");
  if (table) yield lookedUp(table, grey);
  const kind = text(film, "VOILUTFunction").toUpperCase();
  const [centers, widths] = [numbers(film, "WindowCenter"), numbers(film, "WindowWidth")];
  for (let n = 0; n < Math.min(centers.length, widths.length); n++) {
    if (widths[n] > 0) yield throughWindow(grey, centers[n], widths[n], kind, ...bounds);
  }
}

/** _through_window: the grey levels of a window from `least` to `most` (DICOM PS3.3, C.11.2.1.2). */
function throughWindow(grey, center, width, kind, least, most) {
  if (kind === "SIGMOID") {
    return Float64Array.from(grey, (level) => (most - least) / (1 + Math.exp((-4 * (level - center)) / width)) + least);
  }
  if (kind !== "LINEAR_EXACT" && width > 1) [center, width] = [center - 0.5, width - 1];
  return Float64Array.from(grey, (level) => Math.min(Math.max((level - center) / width + 0.5, 0), 1) * (most - least) + least);
}

/** _table: the first table of a sequence, or null where it is absent or incomplete. */
function tableOf(film, name) {
  const found = item(film, name);
  const described = found ? numbers(found, "LUTDescriptor") : [];
  if (described.length !== 3) return null;
  const [length, first, bits] = [described[0] || 65536, described[1], described[2]];
  const data = bytesOf(found, "LUTData");
  const words = data ? wordsOf(data, length, film) : [];
  if (words.length < length || bits < 8 || bits > 16) return null;
  const entries = words.subarray(0, length);
  return { entries: bits === 8 && range(entries)[1] < 256 ? Uint8Array.from(entries) : entries, first, bits };
}

/** _entries: of a table, stored as words or, if too short for words, as bytes. */
function wordsOf(data, length, film) {
  if (data.length < 2 * length) return Uint16Array.from(data);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  return Uint16Array.from({ length: data.length >> 1 }, (_, n) => view.getUint16(2 * n, !film.bigEndian));
}

function lookedUp({ entries, first }, grey) {
  const last = entries.length - 1;
  const levels = new entries.constructor(grey.length);
  for (let n = 0; n < grey.length; n++) levels[n] = entries[Math.min(Math.max(Math.trunc(grey[n]) - first, 0), last)];
  return levels;
}
