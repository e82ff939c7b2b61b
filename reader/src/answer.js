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

/** The thresholds of the study by name, and last the user's own (`ownThreshold`), if there is one. */
export function thresholdsOf({ thresholds, own }) {
  return own?.score === undefined ? thresholds : { ...thresholds, [own.name]: own.score };
}

/** The names of the thresholds, with whether a score is flagged at each. */
export function flags(score, facts) {
  return Object.entries(thresholdsOf(facts)).map(([name, threshold]) => ({ name, threshold, flagged: score >= threshold }));
}

/**
 * The lowest threshold from which the share of abnormal films among the flagged is `wanted` or more, where `baseRate`
 * of all are abnormal: its name, and its score or the reason why there is none.
 */
export function ownThreshold({ normals, abnormals }, baseRate, wanted) {
  const name = `your own, ${inPercent(wanted)} at a base rate of ${inPercent(baseRate)}`;
  if (!abnormals.length) return { name, reason: "No threshold of your own can be set: this detector has no scores of abnormal validation films." };
  // As if there were one more normal film, flagged, and one more abnormal film, not flagged: few films promise little.
  const reaches = (score) => {
    const found = (baseRate * countFrom(abnormals, score)) / (abnormals.length + 1);
    const wrong = ((1 - baseRate) * (countFrom(normals, score) + 1)) / (normals.length + 1);
    return found / (found + wrong) >= wanted;
  };
  const score = [...abnormals].sort((one, other) => one - other).find(reaches);
  return score === undefined ? { name, reason: `There is no threshold of ${name}, by the scores of validation films.` } : { name, score };
}

export const inPercent = (share) => `${Number((100 * share).toFixed(1))} %`;

const countFrom = (scores, threshold) => scores.filter((score) => score >= threshold).length;

const shareFrom = (scores, threshold) => countFrom(scores, threshold) / scores.length;

/**
 * Of films that a threshold flags, and of those that it does not, the share that is abnormal where
 * `baseRate` of all films are (Bayes); NaN without films, or without known abnormal ones.
 */
export function abnormalShares(threshold, { normals, abnormals }, baseRate) {
  const [found, wrong] = [baseRate * shareFrom(abnormals, threshold), (1 - baseRate) * shareFrom(normals, threshold)];
  return { flagged: found / (found + wrong), others: (baseRate - found) / (1 - found - wrong) };
}
