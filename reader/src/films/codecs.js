// Decoders of coded pixels, compiled to WebAssembly, each loaded when it is first needed.

import { Decoder as Lossless } from "jpeg-lossless-decoder-js";

import { byPixel } from "./colours.js";
import { Refusal } from "./refusals.js";

const LOADERS = {
  jpeg: () => import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs"),
  jpegLs: () => import("@cornerstonejs/codec-charls/decodewasmjs"),
  jpeg2000: () => import("@cornerstonejs/codec-openjpeg/decodewasmjs"),
};
const CLASSES = { jpeg: "JPEGDecoder", jpegLs: "JpegLSDecoder", jpeg2000: "J2KDecoder" };
const QUIET = { print: () => {}, printErr: () => {} }; // their words may quote a film
const loading = new Map();

const loaded = (name) => {
  const locateFile = (file) => new URL(file, import.meta.url).href;
  if (!loading.has(name)) loading.set(name, LOADERS[name]().then((module) => module.default({ locateFile, ...QUIET })));
  return loading.get(name);
};

/**
 * Decode a stream of "jpeg" (8 bits), "jpegLs" or "jpeg2000": {data, width, height, channels}. One of JPEG 2000 may be
 * halved some times.
 */
export async function decodedBy(name, stream, halvings = 0) {
  const decoder = new (await loaded(name))[CLASSES[name]]();
  try {
    decoder.getEncodedBuffer(stream.length).set(stream);
    halvings ? decoder.decodeSubResolution(halvings, 0) : decoder.decode();
    const { bitsPerSample, componentCount, ...size } = decoder.getFrameInfo();
    const [width, height] = [size.width, size.height].map((side) => Math.ceil(side / 2 ** halvings));
    const bytes = new Uint8Array(decoder.getDecodedBuffer()); // a copy; they give another type for 8 bits
    const data = words(bytes, bitsPerSample);
    // A decoder of JPEG 2000 does not throw where it fails.
    if (!data.length || data.length !== width * height * componentCount) throw new Error("not decoded");
    const inPlanes = name === "jpegLs" && componentCount > 1 && decoder.getInterleaveMode() === 0;
    return { data: inPlanes ? byPixel(data, componentCount) : data, width, height, channels: componentCount };
  } catch {
    throw new Refusal("truncated or damaged");
  } finally {
    decoder.delete();
  }
}

/** Decode a stream of lossless JPEG. */
export function decodedLossless(stream) {
  const decoder = new Lossless();
  const data = decoder.decompress(stream.buffer, stream.byteOffset, stream.length);
  const { precision, dimX, dimY, numComp } = decoder.frame;
  return { data: words(new Uint8Array(data), precision), width: dimX, height: dimY, channels: numComp };
}

/** Run-length coding (DICOM PS3.5, annex G): the bytes of each sample in planes, the high ones first. */
export function decodedRuns(stream, { width, height, channels, bits }) {
  const [pixels, bytes] = [width * height, bits / 8];
  const view = new DataView(stream.buffer, stream.byteOffset);
  const samples = new Uint8Array(pixels * channels * bytes);
  for (let plane = 0; plane < channels * bytes; plane++) {
    const start = view.getUint32(4 + 4 * plane, true);
    const [channel, byte] = [Math.floor(plane / bytes), bytes - 1 - (plane % bytes)];
    unpack(stream, start, pixels, (n, level) => (samples[(n * channels + channel) * bytes + byte] = level));
  }
  return { data: words(samples, bits), width, height, channels };
}

function unpack(stream, at, pixels, put) {
  for (let n = 0; n < pixels; ) {
    const head = stream[at++];
    if (head === undefined) throw new Refusal("truncated or damaged");
    const [count, repeated] = head < 128 ? [head + 1, false] : [257 - head, true];
    if (head === 128) continue;
    for (let end = Math.min(n + count, pixels), k = 0; n < end; n++, k++) put(n, stream[repeated ? at : at + k]);
    at += repeated ? 1 : count;
  }
}

function words(bytes, bits) {
  if (bits <= 8) return bytes;
  const Words = bits > 16 ? Uint32Array : Uint16Array;
  return new Words(bytes.buffer, bytes.byteOffset, bytes.byteLength / Words.BYTES_PER_ELEMENT);
}
