// Decode a PNG exactly, also of 16 bits, which a canvas would reduce to 8: lib/films/picture.py.

import { decode } from "fast-png";
import { Unzlib } from "fflate";

import { inGrey } from "./colours.js";
import { orientationIn, upright } from "./exif.js";
import { checkSize, Refusal } from "./refusals.js";

const SIGNATURE = 8; // bytes
const CRITICAL = ["IHDR", "PLTE", "IDAT", "IEND"];

/** read_picture: the grey levels of a PNG, turned upright. Transparency is dropped. */
export function readPng(bytes) {
  const chunks = chunksOf(bytes);
  const header = chunks[0]?.type === "IHDR" ? chunks[0].data : null;
  if (!header) throw new Refusal("truncated or damaged");
  const view = new DataView(header.buffer, header.byteOffset);
  checkSize(view.getUint32(0), view.getUint32(4));
  if (chunks.some(({ type }) => type === "acTL")) throw new Refusal("several frames, not one film");
  checkUnpacked(chunks, view);
  // The others hold texts and profiles, some of them packed.
  const critical = chunks.filter(({ type }) => CRITICAL.includes(type));
  const stored = decode(joined(bytes.subarray(0, SIGNATURE), critical), { checkCrc: true });
  const image = inGrey({ ...stored, data: stored.depth < 8 ? unpacked(stored) : stored.data });
  const exif = chunks.find(({ type }) => type === "eXIf");
  return exif ? upright(image, orientationIn(exif.data)) : image;
}

function chunksOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks = [];
  let at = SIGNATURE;
  while (chunks.at(-1)?.type !== "IEND") {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw new Refusal("truncated or damaged");
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.push({ type, data: bytes.subarray(at + 8, end - 4), whole: bytes.subarray(at, end) });
    at = end;
  }
  return chunks;
}

/** Refuse data that unpack to more than the size in the header, before they fill the memory. */
function checkUnpacked(chunks, view) {
  const [width, height, depth, colours] = [view.getUint32(0), view.getUint32(4), view.getUint8(8), view.getUint8(9)];
  const channels = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colours];
  // Each row has a byte of its own; an interlaced picture has at most twice as many and shorter rows.
  const most = 2 * height * (8 + Math.ceil((width * channels * depth) / 8)) + 1024;
  let unpacked = 0;
  const unzip = new Unzlib((part) => {
    unpacked += part.length;
    if (unpacked > most) throw new Refusal("implausible size: a decompression bomb");
  });
  for (const { type, data } of chunks) {
    for (let at = 0; type === "IDAT" && at < data.length; at += 65536) unzip.push(data.subarray(at, at + 65536));
  }
}

function joined(signature, chunks) {
  const parts = [signature, ...chunks.map(({ whole }) => whole)];
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Levels of 1, 2 or 4 bits, packed by rows, one per byte. */
function unpacked({ data, width, height, depth }) {
  const row = Math.ceil((width * depth) / 8);
  return Uint8Array.from({ length: width * height }, (_, n) => {
    const bit = (n % width) * depth;
    const byte = data[Math.floor(n / width) * row + (bit >> 3)];
    return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  });
}
