// The page: films come in, answers are listed, one film is looked at.

import { table } from "./csv.js";
import { filesOf } from "./dropped.js";
import { make } from "./elements.js";
import { listed } from "./listing.js";
import { Reader } from "./reader.js";
import { view } from "./view.js";

const MOST = 4; // detectors at once

const part = (id) => document.getElementById(id);
const reader = new Reader();
const films = []; // {name, file, answers: Map of detector -> {score, unlike}, or reason}
let detectors = []; // those in use: {name, facts}
let looked; // the film that is looked at
let lastFilm = Promise.resolve();

/** Say what happens, for readers of screens as well. */
const say = (words) => (part("status").textContent = words);

async function start() {
  const { models, samples } = await (await fetch("models/index.json")).json();
  const choices = models.map((name, n) => choice(name, n === 0));
  part("detectors").append(...choices);
  part("samples").append(...samples.map(sample));
  await choose();
  say("Ready.");
  document.body.dataset.ready = "";
}

function choice(name, checked) {
  const box = make("input", { type: "checkbox", value: name, checked, onchange: choose });
  return make("li", {}, make("label", {}, box, ` ${name}`));
}

/** Load the detectors that are chosen, up to four, and read the films again. */
async function choose() {
  const boxes = [...part("detectors").querySelectorAll("input")];
  const names = boxes.filter((box) => box.checked).map((box) => box.value);
  for (const box of boxes) box.disabled = !box.checked && names.length >= MOST;
  say("Loading.");
  try {
    detectors = await Promise.all(names.map(async (name) => ({ name, facts: await reader.load(name) })));
  } catch (error) {
    return say(`A detector cannot be loaded: ${error.message}.`);
  }
  await add(films.splice(0).map(({ file }) => file));
  say("Ready.");
}

function sample(path) {
  const name = path.split("/").at(-1);
  const onclick = async () => add([new File([await (await fetch(path)).blob()], name)]);
  return make("li", {}, make("button", { type: "button", onclick }, name));
}

/** Read files, one after another, and look at the first of them. */
function add(files) {
  for (const file of files) {
    const film = { name: file.webkitRelativePath || file.path || file.name, file };
    films.push(film);
    lastFilm = lastFilm.then(() => read(film));
  }
  list();
  if (files.length) lastFilm = lastFilm.then(() => look(looked && films.includes(looked) ? looked : films.find((film) => film.file === files[0])));
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
  list();
}

/** Show a film with its answers; it is read again, so that memory does not grow with the films. */
async function look(film) {
  looked = film;
  list();
  const names = detectors.map(({ name }) => name);
  try {
    const section = view(film.name, await reader.read(film.file, names, true), detectors, baseRate());
    if (looked === film) part("film").replaceChildren(section);
  } catch (error) {
    part("film").replaceChildren(make("p", { class: "reason" }, `${film.name} is not read: ${error.message}.`));
  }
}

const baseRate = () => Number(part("base-rate").value) / 100;

function list() {
  part("films").replaceChildren(...listed(films, detectors, looked, look));
  const done = films.filter((film) => film.answers || film.reason).length;
  part("count").textContent = films.length ? `${done} of ${films.length} files read` : "";
  part("save").disabled = !done;
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
part("base-rate").addEventListener("change", () => looked && look(looked));
part("save").addEventListener("click", save);
start().catch((error) => say(`The page cannot start: ${error.message}`));
