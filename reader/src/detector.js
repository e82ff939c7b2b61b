// A detector of the study as `make export` writes it: one network (ONNX), or the parts of a fusion.

import * as ort from "onnxruntime-web/wasm";

import { joined, standardised } from "./fusion.js";
import { cv, filtered, picture } from "./opencv.js";
import { prepare, reduction } from "./preprocessing/film.js";
import { toFloat } from "./preprocessing/network_input.js";
import { product } from "./preprocessing/numbers.js";

// More threads need headers that a static host does not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

export class Detector {
  /** Load a detector from its folder, the address of which ends in a slash. */
  static async load(folder) {
    const facts = await (await fetched("detector.json", folder)).json();
    const parts = facts.parts ?? [{ file: "detector.onnx", ...facts }];
    const files = [...parts.map(({ file }) => file), ...(facts.gate ? [facts.gate.file] : [])];
    const networks = await Promise.all(files.map((file) => network(file, folder)));
    return new Detector(facts, parts, networks);
  }

  constructor(facts, parts, networks) {
    this.facts = facts;
    this.parts = parts.map((part, n) => ({ ...part, network: networks[n] }));
    this.gate = networks[parts.length];
  }

  /** The sizes in pixels of the pictures that it is shown. */
  get sizes() {
    const prepared = [...this.parts, ...(this.facts.gate ? [this.facts.gate.preprocessing] : [])];
    return prepared.map(({ size }) => size);
  }

  /**
   * Return the answer for a film: its score; its map (of a fusion, that of the part that is most
   * certain, and its name), with the scale, the prepared picture, its matrix and steps; its reconstruction (a fusion
   * has none); and how unlike the film is.
   */
  async answer(film) {
    const prepared = once((settings) => {
      const { matrix, ...pictures } = prepare(film, settings);
      return { ...pictures, matrix: product(matrix, reduction(film)) };
    });
    const outputs = [];
    for (const { network, preprocessing, size } of this.parts) {
      const picture = prepared({ ...preprocessing, size });
      outputs.push({ ...(await run(network, picture.image)), ...picture });
    }
    const scores = outputs.map(({ score }) => score);
    const shown = leading(outputs, standardised(scores, this.facts.rule));
    const scale = this.parts[shown].map_scale;
    const unlike = this.gate ? await this.#unlikeness(film, prepared) : null;
    const isFusion = this.parts.length > 1;
    const reconstruction = isFusion ? null : outputs[0].reconstruction;
    const method = isFusion ? this.parts[shown].fit.split("/")[1] : null;
    return { ...outputs[shown], reconstruction, method, score: joined(scores, this.facts.rule), scale, unlike };
  }

  /** unlikeness: of a film, in the unit of the gate (lib/reader/gate.py); infinite of a picture in colours. */
  async #unlikeness(film, prepared) {
    if (film.coloured) return Infinity;
    const { preprocessing, size, middle, spread } = this.facts.gate;
    const { image } = prepared(preprocessing);
    const interpolation = image.width > size ? cv.INTER_AREA : cv.INTER_LINEAR;
    const seen = filtered(image, (mat, result) => cv.resize(mat, result, new cv.Size(size, size), 0, 0, interpolation));
    return ((await run(this.gate, seen)).score - middle) / spread;
  }
}

async function fetched(file, folder) {
  const found = await fetch(new URL(file, folder));
  if (!found.ok) throw new Error(`${file} is missing`);
  return found;
}

async function network(file, folder) {
  const bytes = await (await fetched(file, folder)).arrayBuffer();
  return ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
}

async function run(network, image) {
  const films = new ort.Tensor("float32", toFloat(image), [1, image.height, image.width, 1]);
  const { score, map, reconstruction } = await network.run({ films });
  return { score: score.data[0], map: asPicture(map), reconstruction: asPicture(reconstruction, grey) };
}

/** The picture of an output of the network, if it has that output, with each value changed as asked. */
function asPicture(output, change) {
  if (!output) return null;
  const [, height, width] = output.dims;
  return picture(change ? Uint8Array.from(output.data, change) : output.data, width, height);
}

/** to_grey of lib/samples.py: a grey level of 8 bits from a value in [-1, 1]. */
const grey = (value) => Math.min(Math.max(Math.round((value + 1) * 127.5), 0), 255);

/** The number of the part whose map is shown: of those with one, that with the largest value. */
function leading(outputs, values) {
  const places = outputs.flatMap(({ map }, n) => (map ? [n] : []));
  return places.reduce((best, n) => (values[n] > values[best] ? n : best), places[0] ?? 0);
}

/** A function that computes the result for each settings once. */
function once(compute) {
  const results = new Map();
  return (settings) => {
    const key = JSON.stringify(Object.entries(settings).sort());
    if (!results.has(key)) results.set(key, compute(settings));
    return results.get(key);
  };
}
