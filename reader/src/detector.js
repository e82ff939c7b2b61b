// A detector of the study: its network (ONNX), and how films are prepared for it.

import * as ort from "onnxruntime-web/wasm";

import { picture } from "./opencv.js";
import { toFloat } from "./preprocessing/network_input.js";

// More threads need headers that a static host does not send.
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

export class Detector {
  /** Load a detector from its folder, the address of which ends in a slash. */
  static async load(folder) {
    const [facts, network] = await Promise.all([
      fetch(new URL("detector.json", folder)).then((found) => found.json()),
      fetch(new URL("detector.onnx", folder)).then((found) => found.arrayBuffer()),
    ]);
    return new Detector(facts, await ort.InferenceSession.create(network, { executionProviders: ["wasm"] }));
  }

  constructor(facts, session) {
    this.facts = facts;
    this.session = session;
  }

  /** Return the score of a prepared picture, and its map, null for a method without one. */
  async outputs(image) {
    const films = new ort.Tensor("float32", toFloat(image), [1, image.height, image.width, 1]);
    const { score, map } = await this.session.run({ films });
    const [, height, width] = map?.dims ?? [];
    return { score: score.data[0], map: map ? picture(map.data, width, height) : null };
  }
}
