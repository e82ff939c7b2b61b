// All answers so far as a table.

import { DISCLAIMER, flags, isUnlike, percentile, probability, thresholdsOf } from "./answer.js";

/** Return the table as text: a row per film and detector, or per file that is not read. */
export function table(films, detectors) {
  const thresholds = [...new Set(detectors.flatMap(({ facts }) => Object.keys(thresholdsOf(facts))))];
  const head = ["file", "detector", "score", "percentile", ...thresholds.map((name) => `flagged at ${name}`), "probability", "unlike", "reason", "note"];
  const rows = films.flatMap(({ name, answers, reason }) =>
    reason ? [[name, "", "", "", ...thresholds.map(() => ""), "", "", reason, DISCLAIMER]] : [...(answers ?? [])].map(row(name)),
  );
  function row(file) {
    return ([detector, { score, unlike }]) => {
      const { facts } = detectors.find(({ name }) => name === detector);
      const found = new Map(flags(score, facts).map(({ name, flagged }) => [name, flagged ? "yes" : "no"]));
      const apart = isUnlike(unlike, facts);
      const cells = thresholds.map((name) => (apart ? "" : (found.get(name) ?? "")));
      const chance = apart ? "" : (probability(score, facts) ?? "");
      const place = apart ? "" : percentile(score, facts.normals).toFixed(1);
      return [file, detector, score, place, ...cells, chance, apart ? "yes" : "no", "", DISCLAIMER];
    };
  }
  return [head, ...rows].map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");
}

/** A cell that a spreadsheet does not take for a formula. */
function quoted(value) {
  const text = typeof value === "number" ? String(value) : value.replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
