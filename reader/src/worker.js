// Reads films and scores them, apart from the page, which stays responsive.

import { Detector } from "./detector.js";
import { readFilm } from "./films/reading.js";
import { Refusal } from "./films/refusals.js";
import { ready } from "./opencv.js";
import { normalise } from "./preprocessing/contrast.js";
import { enough, resized } from "./preprocessing/film.js";
import { range } from "./preprocessing/numbers.js";
import { carriedBack } from "./preprocessing/places.js";

const LONGEST = 768; // pixels of the longer side at which a film is shown
const models = new URL("models/", import.meta.url);
const detectors = new Map(); // name -> promise of a detector

const loaded = (name) => {
  if (!detectors.has(name)) detectors.set(name, Detector.load(new URL(`${name}/`, models)).catch(() => missing(name)));
  return detectors.get(name);
};

function missing(name) {
  detectors.delete(name); // the next attempt may succeed
  throw new Refusal(`${name} cannot be loaded: without a connection, choose a detector that was in use before`);
}

const tasks = {
  /** What is known of a detector: its file detector.json. */
  async load({ name }) {
    const [detector] = await Promise.all([loaded(name), ready]);
    return detector.facts;
  },

  /** The answers of detectors for a film; with `show`, also the pictures that are drawn. */
  async read({ file, names, show }) {
    await ready;
    const chosen = await Promise.all(names.map(loaded));
    const film = await readFilm(file, enough(...chosen.flatMap(({ sizes }) => sizes)));
    const shown = show ? reduced(film) : null;
    const answers = [];
    for (const detector of chosen) answers.push(await answer(detector, film, shown));
    return { ...film.whole, shown, answers };
  },
};

async function answer(detector, film, shown) {
  const { score, unlike, scale, image, matrix, steps, map, method, reconstruction } = await detector.answer(film);
  if (!shown) return { score, unlike };
  const carried = map && carriedBack(map, matrix, image.width, film.whole, shown);
  return { score, unlike, image, reconstruction, steps, method, map: carried, scale: map && (scale ?? rangeOf(map)) };
}

/** Of a map without a scale of its own. */
function rangeOf({ data }) {
  const [least, most] = range(data);
  return [Math.min(0, least), most > least ? most : least + 1];
}

/** The film as it is shown: as in lib/reader/drawing.py, but for text burned into it. */
function reduced(film) {
  return normalise(resized(film, Math.min(1, LONGEST / Math.max(film.width, film.height)))[0]);
}

function reasonOf(error) {
  if (error instanceof Refusal) return error.message;
  // As where the file was removed, or written to, since it was chosen.
  if (error instanceof DOMException && error.name.startsWith("Not")) return "cannot be opened";
  return "cannot be prepared";
}

self.onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    self.postMessage({ id, result: await tasks[task](given) });
  } catch (error) {
    self.postMessage({ id, reason: reasonOf(error), cause: String(error) });
  }
};
