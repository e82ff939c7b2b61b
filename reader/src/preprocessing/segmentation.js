// Segment the body on a film, without air, letters and borders: lib/preprocessing/segmentation.py.

import { cv, filtered, matOf, picture, pictureOf, scoped } from "../opencv.js";
import { mean, rint } from "./numbers.js";

const AIR = 1 / 3;

/** segment_body: the mask (0 or 1) of the body on an un-inverted picture of 8 bits. */
export function segmentBody(image, body) {
  const longest = Math.max(image.width, image.height);
  const smooth = filtered(image, (mat, result) => cv.GaussianBlur(mat, result, new cv.Size(0, 0), longest / 100));
  const air = brightestAir(smooth.data);
  const bright = picture(smooth.data.map((grey) => grey > air), image.width, image.height);
  return scoped((keep) => {
    const [opened, closed] = [keep(new cv.Mat()), keep(new cv.Mat())];
    cv.morphologyEx(keep(matOf(bright)), opened, cv.MORPH_OPEN, keep(disk(Math.floor(longest / 30))));
    cv.morphologyEx(opened, closed, cv.MORPH_CLOSE, keep(disk(Math.floor(longest / 15))));
    const [outlines, order] = [keep(new cv.MatVector()), keep(new cv.Mat())];
    cv.findContours(closed, outlines, order, cv.RETR_EXTERNAL, cv.CHAIN_APPROX_NONE);
    const found = Array.from({ length: outlines.size() }, (_, n) => keep(outlines.get(n)));
    if (!found.length) return picture(new Uint8Array(image.data.length).fill(1), image.width, image.height);
    const largest = Math.max(...found.map((outline) => cv.contourArea(outline)));
    const large = found.filter((outline) => cv.contourArea(outline) >= largest / 10);
    const parts = keep(new cv.MatVector());
    for (const part of body === "chest" ? [hullOf(large, keep)] : large) parts.push_back(part);
    const mask = keep(cv.Mat.zeros(image.height, image.width, cv.CV_8U));
    cv.drawContours(mask, parts, -1, new cv.Scalar(1), cv.FILLED);
    return pictureOf(mask);
  });
}

function hullOf(outlines, keep) {
  const points = outlines.flatMap((outline) => [...outline.data32S]);
  const hull = keep(new cv.Mat());
  cv.convexHull(keep(cv.matFromArray(points.length / 2, 1, cv.CV_32SC2, points)), hull);
  return hull;
}

/** _brightest_air: the threshold between air and body: Otsu's, after a square root. */
function brightestAir(grey) {
  const roots = Uint8Array.from({ length: 256 }, (_, level) => rint(Math.sqrt(level / 255) * 255));
  let below = grey;
  let level = 0;
  for (let round = 0; round < 3; round++) {
    const threshold = otsu(below.map((value) => roots[value]));
    below = grey.filter((value) => roots[value] <= threshold);
    const tissue = grey.filter((value) => roots[value] > threshold);
    if (!below.length || !tissue.length) break;
    level = below.reduce((most, value) => Math.max(most, value), 0);
    if (mean(below) <= AIR * mean(tissue)) break;
  }
  return level;
}

function otsu(values) {
  return scoped((keep) => {
    const column = keep(matOf(picture(values, 1, values.length)));
    return cv.threshold(column, keep(new cv.Mat()), 0, 1, cv.THRESH_OTSU);
  });
}

/** _disk: a disk as structuring element, with an odd diameter in pixels. */
function disk(diameter) {
  return cv.getStructuringElement(cv.MORPH_ELLIPSE, new cv.Size(diameter | 1, diameter | 1));
}
