// Reduce one film to a small picture, with a matrix that maps its pixels: lib/preprocessing/film.py.

import { cv, filtered, matOf, picture } from "../opencv.js";
import { equalise, isInverted, normalise } from "./contrast.js";
import { product, rint } from "./numbers.js";
import { findPlate, straighten } from "./plate.js";
import { segmentBody } from "./segmentation.js";

const LANDSCAPE = 1.1;
const WORKING_SIZE = 512;
const PER_PIXEL = 2;
const DEFAULTS = {
  ...{ size: 64, body: "limb", crop: true, invert: "auto", upright: true, mask: false },
  equalize: "clahe",
};

/** enough: the pixels that the shorter side of a film needs for pictures of these sizes. */
export const enough = (...sizes) => PER_PIXEL * Math.max(WORKING_SIZE, ...sizes);

/** matrix of lib/films/reduced.py: from pixels of the whole film to those that were read (nine numbers). */
export function reduction({ width, whole }) {
  return width === whole.width ? [1, 0, 0, 0, 1, 0, 0, 0, 1] : [0.5, 0, -0.25, 0, 0.5, -0.25, 0, 0, 1];
}

/**
 * prepare: a film of any depth becomes a picture of 8 bits (size x size); `matrix` (nine numbers)
 * leads from pixels of the film to those of the picture. `settings` are its arguments in Python.
 * `steps` are what was done, in words, each with the picture after it; without one where nothing was to be done.
 */
export function prepare(film, settings) {
  const { size, body, crop, invert, upright, mask, equalize } = { ...DEFAULTS, ...settings };
  const factor = Math.min(1, Math.max(WORKING_SIZE, size) / Math.max(film.width, film.height));
  let [image, matrix] = resized(film, factor);
  image = normalise(image);
  const steps = [];
  const step = (words, changed = true) => steps.push({ words, image: changed ? image : null });
  step("grey levels spread");
  const corners = crop && body === "limb" ? findPlate(image) : null;
  if (corners) {
    const plate = straighten(corners);
    image = warped(image, plate);
    matrix = product(plate.homography, matrix);
  }
  if (crop && body === "limb") step(corners ? "cropped to its plate" : "no plate apart from the film", corners);
  if (upright && body === "limb" && image.width > LANDSCAPE * image.height) {
    matrix = product([0, 1, 0, -1, 0, image.width - 1, 0, 0, 1], matrix);
    image = filtered(image, (mat, result) => cv.rotate(mat, result, cv.ROTATE_90_COUNTERCLOCKWISE));
    step("turned upright");
  }
  const inverted = invert === "auto" ? isInverted(image, body) : invert;
  if (inverted) image = picture(image.data.map((grey) => 255 - grey), image.width, image.height);
  step(inverted ? "inverted, bone bright" : "bone bright already", inverted);
  // Finding the body takes longer than all the rest; without these settings the picture is the same.
  const inside = mask || equalize === "histogram" ? segmentBody(image, body) : null;
  if (mask) {
    image = within(image, inside);
    step("all but the body black");
  }
  image = equalise(image, inside, equalize);
  if (equalize !== "none") step("contrast equalised");
  const [small, fit] = padded(image, size);
  const result = mask ? within(small, padded(inside, size)[0]) : small;
  return { image: result, matrix: product(fit, matrix), steps };
}

function within(image, inside) {
  return picture(image.data.map((grey, n) => grey * inside.data[n]), image.width, image.height);
}

function warped(image, { homography, width, height }) {
  return filtered(image, (mat, result, keep) => {
    const transform = keep(matOf(picture(Float64Array.from(homography), 3, 3)));
    cv.warpPerspective(mat, result, transform, new cv.Size(width, height));
  });
}

/** _scaling: the matrix of a resize; pixel 0 has its centre at 0 and its edge at -1/2. */
export function scaling(horizontal, vertical) {
  return [horizontal, 0, (horizontal - 1) / 2, 0, vertical, (vertical - 1) / 2, 0, 0, 1];
}

/** _resized: a film resized by a factor, and the matrix of the resize. */
export function resized(film, factor) {
  const [width, height] = [film.width, film.height].map((side) => Math.max(1, rint(side * factor)));
  const interpolation = factor < 1 ? cv.INTER_AREA : cv.INTER_LINEAR;
  const size = new cv.Size(width, height);
  const image = filtered(film, (mat, result) => cv.resize(mat, result, size, 0, 0, interpolation));
  return [image, scaling(width / film.width, height / film.height)];
}

/** _padded: a picture centred in a black square, and the matrix that does so. */
function padded(image, size) {
  const [small, matrix] = resized(image, size / Math.max(image.width, image.height));
  const [left, top] = [small.width, small.height].map((side) => Math.floor((size - side) / 2));
  const square = new small.data.constructor(size * size);
  for (let row = 0; row < small.height; row++) {
    const line = small.data.subarray(row * small.width, (row + 1) * small.width);
    square.set(line, (top + row) * size + left);
  }
  return [picture(square, size, size), product([1, 0, left, 0, 1, top, 0, 0, 1], matrix)];
}
