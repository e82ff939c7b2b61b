// Join the scores of the parts of a fusion by its rule, as detector.json states it (lib/export).

import { mean } from "./preprocessing/numbers.js";

/** Scores in deviations of the normal validation films; as they are where the rule has none. */
export function standardised(scores, rule) {
  return rule?.mean ? scores.map((score, n) => (score - rule.mean[n]) / rule.deviation[n]) : scores;
}

const RULES = {
  "rank average": (scores, z, { validation }) => mean(scores.map((score, n) => rank(score, validation[n]))),
  "normalised sum": (scores, z) => mean(z),
  "soft maximum": (scores, z) => Math.log(mean(z.map(Math.exp))),
  logistic: (scores, z, { weights, offset }) => z.reduce((sum, value, n) => sum + value * weights[n], offset),
};

const rank = (score, sorted) =>
  (sorted.filter((one) => one < score).length + sorted.filter((one) => one <= score).length) / 2 / sorted.length;

/** Return the score of the whole; that of the only part where there is no rule. */
export function joined(scores, rule) {
  return rule ? RULES[rule.name](scores, standardised(scores, rule), rule) : scores[0];
}
