// Find and straighten the plate on a film, a tilted rectangle: lib/preprocessing/plate.py.

import { cv, filtered, matOf, picture, pictureOf, scoped } from "../opencv.js";
import { median, rint } from "./numbers.js";

const SMALLEST = 0.15;
const WHOLE = 0.97;
const SKEWNESS = 0.1;
const FLATNESS = 0.5;
const EDGE = 0.02;
const FILL = 0.97;

/** find_plate: corners [x, y], clockwise from the upper left, of the largest plausible plate, or null. */
export function findPlate(image) {
  const film = image.width * image.height;
  const plates = [];
  for (const binary of binaries(image)) {
    scoped((keep) => {
      const [contours, order] = [keep(new cv.MatVector()), keep(new cv.Mat())];
      cv.findContours(keep(matOf(binary)), contours, order, cv.RETR_LIST, cv.CHAIN_APPROX_SIMPLE);
      for (let n = 0; n < contours.size(); n++) {
        const plate = plausible(keep(contours.get(n)), film, image);
        if (plate) plates.push(plate);
      }
    });
  }
  plates.sort((one, other) => other.area - one.area);
  const found = plates.find(({ corners }) => borderIsFlat(image, corners));
  return found ? clockwise(found.corners) : null;
}

/** The corners of an outline and their area, or null unless it may be that of a plate. */
function plausible(outline, film, image) {
  if (!(cv.contourArea(outline) > FILL * SMALLEST * film)) return null;
  const found = corners(outline);
  if (!found || !(SMALLEST * film < found.area && found.area < WHOLE * film)) return null;
  return crosses(found.corners, image) ? null : found;
}

/** _outlines: pictures of 0 and 1, one of which separates plate and border. */
function* binaries(image) {
  const smooth = filtered(image, (mat, result) => cv.GaussianBlur(mat, result, new cv.Size(5, 5), 0));
  yield unlikeFrame(smooth);
  yield filtered(smooth, (mat, result, keep) => {
    const edges = keep(new cv.Mat());
    cv.Canny(mat, edges, 0, 50);
    cv.dilate(edges, result, keep(cv.Mat.ones(3, 3, cv.CV_8U)));
  });
  for (let grey = 5; grey < 255; grey += 25) {
    yield picture(smooth.data.map((level) => level > grey), smooth.width, smooth.height);
  }
}

function unlikeFrame({ data, width, height }) {
  const last = (height - 1) * width;
  const frame = [...data.subarray(0, width), ...data.subarray(last)];
  for (const column of [0, width - 1]) for (let row = 0; row < height; row++) frame.push(data[row * width + column]);
  const middle = median(frame);
  const unlike = picture(data.map((grey) => Math.abs(grey - middle) > 1), width, height);
  return filtered(unlike, (mat, result, keep) => {
    const closed = keep(new cv.Mat());
    cv.morphologyEx(mat, closed, cv.MORPH_CLOSE, keep(cv.Mat.ones(9, 9, cv.CV_8U)));
    cv.morphologyEx(closed, result, cv.MORPH_OPEN, keep(cv.Mat.ones(15, 15, cv.CV_8U)));
  });
}

/** _corners: the four corners of an outline, with their area, if it is a filled rectangle. */
function corners(outline) {
  return scoped((keep) => {
    const [hull, four] = [keep(new cv.Mat()), keep(new cv.Mat())];
    cv.convexHull(outline, hull);
    cv.approxPolyDP(hull, four, 0.02 * cv.arcLength(hull, true), true);
    if (four.rows * four.cols !== 4) return null;
    const points = pairs(four.data32S);
    const sides = points.map((point, n) => direction(point, points[(n + 1) % 4]));
    const skewness = sides.map(([x, y], n) => Math.abs(x * sides.at(n - 1)[0] + y * sides.at(n - 1)[1]));
    const area = cv.contourArea(four);
    const filled = cv.contourArea(outline) / area;
    return Math.max(...skewness) < SKEWNESS && filled > FILL ? { corners: points, area } : null;
  });
}

const pairs = (numbers) => [0, 2, 4, 6].map((n) => [numbers[n], numbers[n + 1]]);

function direction([left, top], [right, bottom]) {
  const length = Math.hypot(right - left, bottom - top);
  return [(right - left) / length, (bottom - top) / length];
}

/** _crosses: whether it extends from one edge of the film to the other, as a straight limb does. */
function crosses(points, { width, height }) {
  const margin = EDGE * Math.max(width, height);
  return [width - 1, height - 1].some((end, axis) => {
    const places = points.map((point) => point[axis]);
    const near = (test) => places.filter(test).length;
    return near((place) => place <= margin) + near((place) => place >= end - margin) === 4;
  });
}

/** _border_is_flat: whether the border to be cropped is uniform, by medians, which ignore letters. */
function borderIsFlat(image, points) {
  const plate = scoped((keep) => {
    const mask = keep(cv.Mat.zeros(image.height, image.width, cv.CV_8U));
    const outline = keep(cv.matFromArray(4, 1, cv.CV_32SC2, points.flat()));
    cv.fillConvexPoly(mask, outline, new cv.Scalar(1));
    return pictureOf(mask).data;
  });
  const [inside, outside] = [1, 0].map((part) => spread(image.data.filter((_, n) => plate[n] === part)));
  return outside <= FLATNESS * inside;
}

function spread(grey) {
  const middle = median(grey);
  return median(Float32Array.from(grey, (level) => Math.abs(level - middle)));
}

/** _clockwise: corners in order, clockwise from the upper left. */
function clockwise(points) {
  const [x, y] = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / 4);
  const angle = (point) => Math.atan2(point[1] - y, point[0] - x);
  const sorted = points.toSorted((one, other) => angle(one) - angle(other));
  const sums = sorted.map(([left, top]) => left + top);
  const first = sums.indexOf(Math.min(...sums));
  return [...sorted.slice(first), ...sorted.slice(0, first)];
}

/** straighten: the homography (nine numbers) of a plate to an upright rectangle, and its size. */
export function straighten(points) {
  const length = (n) => Math.fround(Math.hypot(points[(n + 1) % 4][0] - points[n][0], points[(n + 1) % 4][1] - points[n][1]));
  const [top, right, bottom, left] = [0, 1, 2, 3].map(length);
  const [width, height] = [Math.fround(top + bottom), Math.fround(left + right)].map((sum) => rint(sum / 2) + 1);
  const upright = [0, 0, width - 1, 0, width - 1, height - 1, 0, height - 1];
  const homography = scoped((keep) => {
    const [from, to] = [points.flat(), upright].map((flat) => keep(cv.matFromArray(4, 1, cv.CV_32FC2, flat)));
    return [...keep(cv.getPerspectiveTransform(from, to)).data64F];
  });
  return { homography, width, height };
}
