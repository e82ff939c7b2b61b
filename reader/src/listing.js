// The list of films with their answers.

import { DISCLAIMER, flags, isUnlike, percentile, UNLIKE } from "./answer.js";
import { make } from "./elements.js";

/** Return a row of the list for a film; a click, or Enter, calls `look`. */
export function row(film, look) {
  const button = make("button", { type: "button", onclick: look }, film.name);
  return make("li", {}, button, " ", make("span"));
}

/** Show in its row what is known of a film, and whether it is the one that is looked at. */
export function update(element, film, detectors, isLooked) {
  const [button, span] = element.children;
  button.toggleAttribute("aria-current", isLooked);
  if (isLooked) button.setAttribute("aria-current", "true");
  span.className = film.reason ? "reason" : "small";
  span.textContent = words(film, detectors);
}

function words({ answers, reason }, detectors) {
  if (reason) return `not read: ${reason}`;
  if (!answers) return "waiting";
  if (!answers.size) return "no detector is in use";
  const used = detectors.filter(({ name }) => answers.has(name));
  const alike = Map.groupBy(used, ({ name, facts }) => said(answers.get(name), facts));
  const each = [...alike].map(([words, those]) => `${those.map(({ name }) => name).join(", ")}: ${words}`);
  return `${each.join("; ")}. ${DISCLAIMER}`;
}

function said({ score, unlike }, facts) {
  if (isUnlike(unlike, facts)) return UNLIKE.toLowerCase().replace(/\.$/, "");
  const at = flags(score, facts).filter(({ flagged }) => flagged).map(({ name }) => name);
  return `percentile ${percentile(score, facts.normals).toFixed(0)}, ${at.length ? `flagged at ${at.join(", ")}` : "not flagged"}`;
}
