// What numpy and Python compute, to the same digit.

/** Round half to even, as Python's round and numpy's rint. */
export function rint(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Percentiles (numpy.percentile, linear) of finite numbers, for shares of 0 to 100. */
export function percentiles(values, shares) {
  const sorted = values.slice().sort(); // of typed arrays, as numbers
  return shares.map((share) => {
    const place = (share / 100) * (sorted.length - 1);
    const [lower, upper] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
    const [weight, step] = [place - Math.floor(place), Math.fround(upper - lower)];
    return weight < 0.5 ? lower + step * weight : upper - step * (1 - weight);
  });
}

/** The median (numpy.median); NaN of no numbers. */
export function median(values) {
  const sorted = Float32Array.from(values).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** The least and the most of numbers. */
export function range(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

/** The correlation of two rows of numbers (numpy.corrcoef). */
export function correlation(first, second) {
  const [a, b] = [mean(first), mean(second)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let n = 0; n < first.length; n++) {
    ab += (first[n] - a) * (second[n] - b);
    aa += (first[n] - a) ** 2;
    bb += (second[n] - b) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

/** The product of two matrices (3, 3), given as nine numbers by rows. */
export function product(first, second) {
  return Array.from({ length: 9 }, (_, n) => {
    const [row, column] = [3 * Math.floor(n / 3), n % 3];
    return first[row] * second[column] + first[row + 1] * second[column + 3] + first[row + 2] * second[column + 6];
  });
}
