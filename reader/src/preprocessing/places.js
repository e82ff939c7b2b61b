// Carry a picture of a detector back to the film that it was prepared from: lib/reader/places.py.

import { cv, matOf, picture, pictureOf, scoped } from "../opencv.js";
import { scaling } from "./film.js";
import { product } from "./numbers.js";

/**
 * carried_back: a map at the pixels of a film that is thought of as resized to `shown`; NaN beyond
 * the map. `matrix` leads from pixels of the film to those of its prepared picture of `size`.
 */
export function carriedBack(values, matrix, size, film, shown) {
  const toFilm = scaling(film.width / shown.width, film.height / shown.height);
  const toMap = product(scaling(values.width / size, values.height / size), product(matrix, toFilm));
  return scoped((keep) => {
    const transform = keep(matOf(picture(Float64Array.from(toMap), 3, 3)));
    const extent = new cv.Size(shown.width, shown.height);
    const warp = (image, flags, border) => {
      const [result, inverse] = [keep(new cv.Mat()), cv.WARP_INVERSE_MAP | flags];
      cv.warpPerspective(keep(matOf(image)), result, transform, extent, inverse, border);
      return pictureOf(result);
    };
    const whole = picture(new Uint8Array(values.data.length).fill(1), values.width, values.height);
    const carried = warp(values, cv.INTER_LINEAR, cv.BORDER_REPLICATE);
    const inside = warp(whole, cv.INTER_NEAREST, cv.BORDER_CONSTANT);
    return picture(carried.data.map((value, n) => (inside.data[n] ? value : NaN)), carried.width, carried.height);
  });
}
