// Normalise, un-invert (bone bright) and equalise grey levels: lib/preprocessing/contrast.py.

import { cv, filtered, picture } from "../opencv.js";
import { correlation, mean, percentiles, range, rint } from "./numbers.js";

/** normalise: the range of a film of any depth, without one pixel in a thousand at each end, to 0-255. */
export function normalise({ data, width, height }) {
  let [low, high] = percentiles(data, [0.1, 99.9]);
  if (high <= low) [low, high] = range(data);
  const grey = new Uint8Array(data.length);
  if (high > low) {
    const factor = 255 / (high - low);
    for (let n = 0; n < grey.length; n++) grey[n] = rint((Math.min(Math.max(data[n], low), high) - low) * factor);
  }
  return picture(grey, width, height);
}

/** expected_grey: the expected brightness of an upright body, (size x size). */
export function expectedGrey(body, size = 32) {
  return Float64Array.from({ length: size * size }, (_, n) => {
    const [x, y] = [n % size, Math.floor(n / size)].map((place) => -1 + (2 * place) / (size - 1));
    if (body === "limb") return -(x ** 2);
    const lung = Math.exp(-(((Math.abs(x) - 0.42) / 0.22) ** 2) - ((y + 0.1) / 0.45) ** 2);
    return Math.exp(-((x / 0.25) ** 2)) - lung;
  });
}

const UNDECIDED = 0.2;

/** is_inverted: whether air is bright on a picture of 8 bits. */
export function isInverted(image, body) {
  const side = 32;
  const { data } = filtered(image, (mat, small) => cv.resize(mat, small, new cv.Size(side, side), 0, 0, cv.INTER_AREA));
  const [least, most] = range(data);
  if (least === most) return false;
  const likeness = correlation(data, expectedGrey(body, side));
  if (body === "limb" && Math.abs(likeness) < UNDECIDED) {
    const half = (side / 2) * side;
    return mean(data) > 255 / 2 && mean(data.subarray(0, half)) > mean(data.subarray(half));
  }
  return likeness < 0;
}

/** equalise: grey levels spread evenly, per tile (clahe) or by the body's histogram. */
export function equalise(image, inside, method) {
  const [least, most] = range(image.data);
  if (method === "none" || least === most) return image;
  if (method === "clahe") {
    return filtered(image, (mat, result, keep) => keep(new cv.CLAHE(3, new cv.Size(8, 8))).apply(mat, result));
  }
  if (method !== "histogram") throw new Error(`equalize is ${method}`);
  const counts = new Float64Array(256);
  image.data.forEach((grey, n) => (counts[grey] += inside.data[n] > 0));
  const total = counts.reduce((sum, count) => sum + count);
  if (counts.includes(total)) return image;
  let sum = 0;
  const levels = counts.map((count) => rint((255 * (sum += count)) / total));
  return picture(image.data.map((grey) => levels[grey]), image.width, image.height);
}
