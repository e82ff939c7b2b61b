// Scale a picture to the input range of networks: lib/preprocessing/network_input.py.

import { range } from "./numbers.js";

/** to_float: a picture of 8 bits as float32 in [-1, 1], by its own range; black if it is constant. */
export function toFloat({ data }) {
  const [low, high] = range(data);
  const factor = Math.fround(2 / (high - low || 1));
  return Float32Array.from(data, (grey) => Math.fround((grey - low) * factor) - 1);
}
