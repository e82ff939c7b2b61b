// One film with the answers of the detectors, as a section of the page.

import { abnormalShares, DISCLAIMER, flags, inPercent, isUnlike, percentile, PHANTOMS, probability, UNLIKE } from "./answer.js";
import { canvas, drawMap, histogram } from "./drawing.js";
import { make, slider } from "./elements.js";

const percent = (share) => `${(100 * share).toFixed(0)} %`;

/** Return the section of a film: `read` is what the worker answers with `show`. */
export function view(name, read, detectors, baseRate) {
  const look = { opacity: 0.85, least: 0 };
  const cards = read.answers.map((answer, n) => card(answer, detectors[n], read, baseRate, look));
  const redraw = (change) => {
    Object.assign(look, change);
    for (const { redraw } of cards) redraw();
  };
  return make(
    "section",
    { class: "film", "aria-label": `Film ${name}` },
    make("h2", { tabindex: -1 }, name),
    make("p", { class: "small" }, `${read.width} x ${read.height} pixels`),
    make(
      "div",
      { class: "controls" },
      slider("Opacity of the red", 85, (opacity) => redraw({ opacity })),
      slider("Red from this share of the map's scale on", 0, (least) => redraw({ least })),
    ),
    make("p", { class: "small" }, "The red begins where a map exceeds its values on 95 % of the pixels of normal test films."),
    make(
      "div",
      { class: "cards" },
      make("figure", {}, canvas(read.shown, `Film ${name}`), make("figcaption", {}, "film")),
      cards.map(({ element }) => element),
    ),
  );
}

function card(answer, detector, read, baseRate, look) {
  const { name, facts } = detector;
  const overlay = answer.map && canvas({ ...read.shown, data: [] }, `Map of ${name} in red over the film`);
  const redraw = () => overlay && drawMap(overlay, answer.map, answer.scale, look);
  redraw();
  const element = make(
    "article",
    { class: "card", "aria-label": `Answer of ${name}`, "data-detector": name, "data-score": answer.score },
    make("h3", {}, name),
    make("p", { class: "disclaimer" }, DISCLAIMER),
    facts.films === "phantoms" ? make("p", { class: "small" }, PHANTOMS) : null,
    isUnlike(answer.unlike, facts) ? unlike(answer.score) : judged(answer.score, facts, baseRate),
    make(
      "div",
      { class: "pictures" },
      overlay
        ? make("figure", {}, make("div", { class: "stack" }, canvas(read.shown, `Film below the map of ${name}`), overlay), make("figcaption", {}, `map${answer.method ? ` of ${answer.method}` : ""} over the film`))
        : make("p", {}, "This method has no map."),
      steps(answer, name),
      make("figure", {}, prepared(answer, name), make("figcaption", {}, `what the detector sees, ${answer.image.width} x ${answer.image.height} pixels`)),
      reconstructed(answer, name),
    ),
  );
  return { element, redraw };
}

/** What is said of a film that the detector knows nothing of. */
const unlike = (score) => [make("p", { class: "unlike" }, UNLIKE), make("p", {}, `Score ${score.toPrecision(4)}.`)];

/** The place of a score among validation films, and whether it is flagged. */
function judged(score, facts, baseRate) {
  const place = percentile(score, facts.normals).toFixed(0);
  return [
    make("p", {}, `Score ${score.toPrecision(4)}: percentile ${place} among ${facts.normals.length} normal validation films.`),
    probable(score, facts),
    histogram(score, facts),
    make("p", { class: "small" }, "Validation films by score: normal ones blue, known abnormal ones orange; this film is the solid line, thresholds are dashed."),
    make("ul", {}, flags(score, facts).map((flag) => flagged(flag, facts, baseRate))),
    make("p", { class: "small" }, aboutOwn(facts, baseRate)),
  ];
}

/** The probability with the base rate that it assumes (lib/reader/answer.py), or nothing. */
function probable(score, facts) {
  if (!facts.calibration) return null;
  const [chance, share] = [probability(score, facts), facts.calibration.base_rate].map(percent);
  return make("p", {}, `Probability of being abnormal ${chance}, where ${share} of the films are abnormal; with fewer it is lower.`);
}

/** Where the user's own threshold comes from, or why there is none. */
function aboutOwn({ own, normals, abnormals }, baseRate) {
  if (own.reason) return own.reason;
  const films = `${normals.length} normal and ${abnormals.length} abnormal validation films`;
  return (
    `Your own threshold is the lowest from which at least that share of the flagged films is abnormal where ` +
    `${inPercent(baseRate)} of all are, by scores and labels of ${films}; it need not hold for films from elsewhere.`
  );
}

/** The steps of the preparation, the film after each; in words alone those that left it as it was. */
function steps({ steps }, name) {
  const shown = steps.filter(({ image }) => image).map(({ words, image }) => make("li", {}, canvas(image, `The film, ${words}`), words));
  const others = steps.filter(({ image }) => !image).map(({ words }) => words);
  return make(
    "div",
    { class: "small" },
    make("ol", { class: "steps", "aria-label": `From the film to what ${name} sees` }, shown),
    others.length ? make("p", {}, `Nothing to do: ${others.join("; ")}.`) : null,
  );
}

/** What the detector made of what it sees, where it reconstructs films. */
function reconstructed({ reconstruction }, name) {
  if (!reconstruction) return null;
  const drawn = canvas(reconstruction, `Reconstruction by ${name} of what it sees`);
  drawn.classList.add("reconstruction");
  return make("figure", {}, drawn, make("figcaption", {}, "its reconstruction"));
}

function prepared({ image }, name) {
  const drawn = canvas(image, `The film as prepared for ${name}`);
  drawn.classList.add("prepared");
  return drawn;
}

function flagged({ name, threshold, flagged }, facts, baseRate) {
  const shares = abnormalShares(threshold, facts, baseRate);
  const share = flagged ? shares.flagged : shares.others;
  const words = Number.isFinite(share)
    ? `: of the films ${flagged ? "flagged" : "not flagged"} there, ${percent(share)} are abnormal if ${inPercent(baseRate)} of all films are.`
    : ".";
  return make("li", { class: flagged ? "flagged" : "" }, make("strong", {}, flagged ? "Flagged" : "Not flagged"), ` at “${name}” (${threshold.toPrecision(4)})${words}`);
}
