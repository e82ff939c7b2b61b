// What a score means: its place among films that the detector was compared with.

export const DISCLAIMER = "Not a medical device; for research.";

export const PHANTOMS = "Learned from phantoms, synthetic radiographs: its scores of films of patients mean nothing.";

export const UNLIKE = "Unlike the films that the detector learned from: its score means nothing.";

/** Whether a film is beyond the limit of the detector's gate; a detector without one has no opinion. */
export const isUnlike = (unlike, { gate }) => gate != null && unlike > gate.limit;

/** The percentile of a score among sorted scores, 0 to 100; ties count half (lib/reader/answer.py). */
export function percentile(score, sorted) {
  const [below, upTo] = [sorted.filter((one) => one < score), sorted.filter((one) => one <= score)];
  return (100 * (below.length + upTo.length)) / 2 / sorted.length;
}

/** The probability of being abnormal where `calibration.base_rate` of the films are; null without a calibration. */
export function probability(score, { calibration }) {
  return calibration ? 1 / (1 + Math.exp(-(calibration.slope * score + calibration.intercept))) : null;
}

/** The names of the thresholds, with whether a score is flagged at each. */
export function flags(score, { thresholds }) {
  return Object.entries(thresholds).map(([name, threshold]) => ({ name, threshold, flagged: score >= threshold }));
}

const shareFrom = (scores, threshold) => scores.filter((score) => score >= threshold).length / scores.length;

/**
 * Of films that a threshold flags, and of those that it does not, the share that is abnormal where
 * `baseRate` of all films are (Bayes); NaN without films, or without known abnormal ones.
 */
export function abnormalShares(threshold, { normals, abnormals }, baseRate) {
  const [found, wrong] = [baseRate * shareFrom(abnormals, threshold), (1 - baseRate) * shareFrom(normals, threshold)];
  return { flagged: found / (found + wrong), others: (baseRate - found) / (1 - found - wrong) };
}
