// The page: films come in, answers are listed, one film is looked at.

import { isUnlike, ownThreshold } from "./answer.js";
import { table } from "./csv.js";
import { filesOf } from "./dropped.js";
import { make } from "./elements.js";
import { keep } from "./keeping.js";
import { row, update } from "./listing.js";
import { Reader } from "./reader.js";
import { view } from "./view.js";

const MOST = 4; // detectors at once

const part = (id) => document.getElementById(id);
const reader = new Reader();
const films = []; // {name, file, row, answers: Map of detector -> {score, unlike}, or reason}
let site; // its files: {models: {name: files}, samples, page}; and of which body films are: {bodies: {name: body}}
let detectors = []; // those in use: {name, facts}, with a threshold for the user's base rate
let looked; // the film that is looked at
let latestChoice; // of detectors, that is being loaded or in use
let lastFilm = Promise.resolve();

/** Say what happens, for readers of screens as well. */
const say = (words) => (part("status").textContent = words);

async function start() {
  site = await (await fetch("models/index.json")).json();
  part("detectors").append(...Object.keys(site.models).map((name, n) => choice(name, n === 0)));
  part("samples").append(...site.samples.map(sample));
  await choose();
  document.body.dataset.ready = "";
}

function choice(name, checked) {
  const box = make("input", { type: "checkbox", value: name, checked, onchange: choose });
  return make("li", {}, make("label", {}, box, ` ${name} (${site.bodies[name]}s)`));
}

/** Load the detectors that are chosen, up to four, and read the films again. */
async function choose() {
  const boxes = [...part("detectors").querySelectorAll("input")];
  const names = boxes.filter((box) => box.checked).map((box) => box.value);
  for (const box of boxes) box.disabled = !box.checked && names.length >= MOST;
  say("Loading.");
  const choice = (latestChoice = {});
  let loaded;
  try {
    loaded = await Promise.all(names.map(async (name) => ({ name, facts: await reader.load(name) })));
  } catch (error) {
    return say(`${error.message}.`);
  }
  if (latestChoice !== choice) return; // others were chosen meanwhile
  detectors = loaded;
  setThresholds();
  part("films").replaceChildren();
  looked = undefined;
  keepInUse();
  await add(films.splice(0).map(({ file }) => file));
  say("Ready.");
}

/** Keep the page and the detectors in use for when there is no connection. */
async function keepInUse() {
  const kept = await keep([...site.page, ...detectors.flatMap(({ name }) => site.models[name])]);
  part("offline").textContent = kept ? "With the detectors in use this page also opens without a connection." : "";
}

function sample(path) {
  const name = path.split("/").at(-1);
  const onclick = async () => add([new File([await (await fetch(path)).blob()], name)]);
  return make("li", {}, make("button", { type: "button", onclick }, name));
}

/** Read files, one after another, and look at the first of them as soon as it is read. */
function add(files) {
  files.forEach((file, n) => {
    const film = { name: file.webkitRelativePath || file.path || file.name, file };
    film.row = row(film, () => look(film, true));
    films.push(film);
    part("films").append(film.row);
    list(film);
    lastFilm = lastFilm.then(() => read(film));
    if (n === 0) lastFilm = lastFilm.then(() => look(film));
  });
  return lastFilm;
}

async function read(film) {
  if (!films.includes(film)) return;
  const names = detectors.map(({ name }) => name);
  try {
    const { answers } = await reader.read(film.file, names);
    film.answers = new Map(answers.map((answer, n) => [names[n], answer]));
  } catch (error) {
    film.reason = error.message;
  }
  list(film);
}

/**
 * Show a film with its answers; it is read again, so that memory does not grow with the films. `asked`:
 * whether the user chose it, who is then led to it, from wherever in the list.
 */
async function look(film, asked = false) {
  if (!films.includes(film)) return;
  const before = looked;
  looked = film;
  for (const one of [before, film]) if (one) list(one);
  say(`Reading ${film.name}.`);
  const used = detectors; // others may be chosen before the answer
  const names = used.map(({ name }) => name);
  const [shown, words] = await reader.read(film.file, names, true).then(
    (read) => [view(film.name, read, used, share("base-rate")), `${film.name} is shown.`],
    (error) => notRead(`${film.name} is not read: ${error.message}.`),
  );
  if (looked !== film) return; // another one was chosen meanwhile
  part("film").replaceChildren(shown);
  say(words);
  if (asked) shown.querySelector("[tabindex]").focus();
}

const notRead = (words) => [make("section", {}, make("p", { class: "reason", tabindex: -1 }, words)), words];

const share = (id) => Number(part(id).value) / 100;

/** Give each detector in use the threshold for the base rate that the user states. */
function setThresholds() {
  for (const { facts } of detectors) facts.own = ownThreshold(facts, share("base-rate"), share("wanted"));
}

/** Show in the list what is known of a film. */
function list(film) {
  update(film.row, film, detectors, film === looked);
  const done = films.filter((one) => one.answers || one.reason).length;
  part("count").textContent = `${done} of ${films.length} files read`;
  part("save").disabled = part("sort").disabled = !done;
}

/** Order the list by the detector that comes first: the most suspicious film, those unlike its films, those not read. */
function sort() {
  const known = films.map(({ answers, row }) => ({ row, ...rank(answers) }));
  known.sort((one, other) => one.group - other.group || other.score - one.score);
  part("films").append(...known.map(({ row }) => row));
}

function rank(answers) {
  const answer = answers?.get(detectors[0]?.name);
  if (!answer) return { group: 2, score: 0 };
  return { group: Number(isUnlike(answer.unlike, detectors[0].facts)), score: answer.score };
}

function save() {
  const address = URL.createObjectURL(new Blob([table(films, detectors)], { type: "text/csv" }));
  make("a", { href: address, download: "answers.csv" }).click();
  URL.revokeObjectURL(address);
}

for (const id of ["files", "folder"]) {
  part(id).addEventListener("change", ({ target }) => {
    add([...target.files]);
    target.value = "";
  });
}
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  add(await filesOf(event.dataTransfer));
});
for (const id of ["base-rate", "wanted"]) {
  part(id).addEventListener("change", ({ target }) => {
    if (!["base-rate", "wanted"].every((id) => part(id).reportValidity())) return;
    setThresholds();
    films.forEach(list);
    if (looked) look(looked);
  });
}
part("save").addEventListener("click", save);
part("sort").addEventListener("click", sort);
start().catch((error) => say(`The page cannot start: ${error.message}`));
