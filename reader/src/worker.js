// Reads films and scores them, apart from the page, which stays responsive.

import { Detector } from "./detector.js";
import { readFilm } from "./films/reading.js";
import { Refusal } from "./films/refusals.js";
import { ready } from "./opencv.js";
import { normalise } from "./preprocessing/contrast.js";
import { prepare, resized } from "./preprocessing/film.js";
import { carriedBack } from "./preprocessing/places.js";

const LONGEST = 768; // pixels of the longer side at which a film is shown
const models = new URL("models/", import.meta.url);
const detectors = new Map(); // name -> promise of a detector

const loaded = (name) => {
  if (!detectors.has(name)) detectors.set(name, Detector.load(new URL(`${name}/`, models)));
  return detectors.get(name);
};

const tasks = {
  /** What is known of a detector: its file detector.json. */
  async load({ name }) {
    const [detector] = await Promise.all([loaded(name), ready]);
    return detector.facts;
  },

  /** The answers of detectors for a film; with `show`, also the pictures that are drawn. */
  async read({ file, names, show }) {
    await ready;
    const film = await readFilm(new Uint8Array(await file.arrayBuffer()));
    const shown = show ? reduced(film) : null;
    const answers = [];
    for (const name of names) answers.push(await answer(await loaded(name), film, shown));
    return { width: film.width, height: film.height, shown, answers };
  },
};

async function answer(detector, film, shown) {
  const { size, preprocessing } = detector.facts;
  const { image, matrix } = prepare(film, { ...preprocessing, size });
  const { score, map } = await detector.outputs(image);
  if (!shown) return { score };
  return { score, image, map: map && carriedBack(map, matrix, size, film, shown) };
}

/** The film as it is shown: as in lib/reader/drawing.py, but for text burned into it. */
function reduced(film) {
  return normalise(resized(film, Math.min(1, LONGEST / Math.max(film.width, film.height)))[0]);
}

self.onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    self.postMessage({ id, result: await tasks[task](given) });
  } catch (error) {
    self.postMessage({ id, reason: error instanceof Refusal ? error.message : "cannot be prepared", cause: String(error) });
  }
};
