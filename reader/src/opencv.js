// OpenCV compiled to WebAssembly, of the version that Python uses.

import module from "@techstark/opencv-js";

/** The module `cv`, complete once `ready` is. */
export let cv;

export const ready = Promise.resolve(module).then((loaded) => void (cv = loaded));

/**
 * Run a function with `keep`, which registers a matrix (or another object of OpenCV) for deletion at
 * the end: they live in WebAssembly's memory, where nothing else frees them.
 */
export function scoped(run) {
  const kept = [];
  const keep = (object) => (kept.push(object), object);
  try {
    return run(keep);
  } catch (error) {
    // OpenCV throws the address of its message.
    throw typeof error === "number" ? new Error(cv.exceptionFromPtr(error).msg) : error;
  } finally {
    for (const object of kept) object.delete();
  }
}

/** A picture: grey levels by rows, in a typed array. */
export const picture = (data, width, height) => ({ data, width, height });

const TYPES = new Map([
  [Uint8Array, "CV_8UC1"],
  [Uint16Array, "CV_16UC1"],
  [Int32Array, "CV_32SC1"],
  [Float32Array, "CV_32FC1"],
  [Float64Array, "CV_64FC1"],
]);

/** Return a matrix that holds a copy of a picture. */
export function matOf({ data, width, height }) {
  const mat = new cv.Mat(height, width, cv[TYPES.get(data.constructor)]);
  // As bytes, since a matrix has no view for each type.
  mat.data.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return mat;
}

/** Return a picture that holds a copy of a matrix of one channel. */
export function pictureOf(mat) {
  const [, Type] = [...TYPES].map(([type, name]) => [cv[name], type]).find(([type]) => type === mat.type()) ?? unknown(mat);
  return picture(new Type(mat.data.slice().buffer), mat.cols, mat.rows);
}

function unknown(mat) {
  throw new Error(`a matrix of type ${mat.type()}`);
}

/** Apply a function of OpenCV from one matrix to another, such as a filter, to a picture. */
export function filtered(image, filter) {
  return scoped((keep) => {
    const result = keep(new cv.Mat());
    filter(keep(matOf(image)), result, keep);
    return pictureOf(result);
  });
}
