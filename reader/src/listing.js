// The list of films with their answers.

import { DISCLAIMER, flags, isUnlike, percentile, UNLIKE } from "./answer.js";
import { make } from "./elements.js";

/** Return the rows of the list; a click, or Enter, on a film calls `look`. */
export function listed(films, detectors, looked, look) {
  return films.map((film) => {
    const current = film === looked ? "true" : null;
    const button = make("button", { type: "button", "aria-current": current, onclick: () => look(film) }, film.name);
    return make("li", {}, button, " ", make("span", { class: film.reason ? "reason" : "small" }, words(film, detectors)));
  });
}

function words({ answers, reason }, detectors) {
  if (reason) return `not read: ${reason}`;
  if (!answers) return "waiting";
  const each = detectors.filter(({ name }) => answers.has(name)).map(({ name, facts }) => {
    const { score, unlike } = answers.get(name);
    if (isUnlike(unlike, facts)) return `${name}: ${UNLIKE.toLowerCase().replace(/\.$/, "")}`;
    const at = flags(score, facts).filter(({ flagged }) => flagged).map(({ name }) => name);
    return `${name}: percentile ${percentile(score, facts.normals).toFixed(0)}, ${at.length ? `flagged at ${at.join(", ")}` : "not flagged"}`;
  });
  return `${each.join("; ")}. ${DISCLAIMER}`;
}
