// Draw films, maps and histograms.

import { thresholdsOf } from "./answer.js";
import { make } from "./elements.js";

const RED = [230, 0, 0];
const SVG = "http://www.w3.org/2000/svg";

/** Return a canvas with a picture of 8 bits. */
export function canvas({ data, width, height }, words) {
  const drawn = make("canvas", { width, height, role: "img", "aria-label": words });
  const pixels = new ImageData(width, height);
  data.forEach((grey, n) => pixels.data.set([grey, grey, grey, 255], 4 * n));
  drawn.getContext("2d").putImageData(pixels, 0, 0);
  return drawn;
}

/**
 * Draw a map in red on a canvas above the film: values from `least` of the scale on, more opaque the
 * larger they are, up to `opacity` (lib/figures/films.py). `least` and `opacity` are shares.
 */
export function drawMap(drawn, map, [lower, upper], { opacity, least }) {
  const pixels = new ImageData(map.width, map.height);
  map.data.forEach((value, n) => {
    const share = Math.min(Math.max((value - lower) / (upper - lower), 0), 1) || 0;
    if (share > 0 && share >= least) pixels.data.set([...RED, 255 * opacity * share], 4 * n);
  });
  drawn.getContext("2d").putImageData(pixels, 0, 0);
}

const BINS = 30;
const [WIDTH, HEIGHT] = [300, 90];

/** Return the histogram of normal and abnormal validation films, with a line at a score. */
export function histogram(score, facts) {
  const { normals, abnormals } = facts;
  const all = [...normals, ...abnormals, score];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const place = (value) => ((value - least) / (most - least || 1)) * WIDTH;
  const words =
    `Scores of ${normals.length} normal and ${abnormals.length} abnormal validation films, ` +
    `from ${least.toPrecision(3)} to ${most.toPrecision(3)}; this film: ${score.toPrecision(4)}`;
  const marks = Object.values(thresholdsOf(facts)).map((at) => line(place(at), "threshold"));
  return shape("svg", { viewBox: `0 -4 ${WIDTH} ${HEIGHT + 8}`, role: "img", "aria-label": words }, [
    ...bars(normals, place, "normal"),
    ...bars(abnormals, place, "abnormal"),
    ...marks,
    line(place(score), "score"),
  ]);
}

function bars(scores, place, kind) {
  const counts = new Array(BINS).fill(0);
  for (const score of scores) counts[Math.min(BINS - 1, Math.floor((place(score) / WIDTH) * BINS))] += 1;
  const most = Math.max(1, ...counts);
  const width = WIDTH / BINS;
  return counts.map((count, n) => {
    const height = (count / most) * HEIGHT;
    return shape("rect", { class: kind, x: n * width, y: HEIGHT - height, width, height });
  });
}

const line = (x, kind) => shape("line", { class: kind, x1: x, x2: x, y1: -4, y2: HEIGHT + 4 });

function shape(tag, attributes, children = []) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
