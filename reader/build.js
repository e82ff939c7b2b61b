// Build the page into ../reports/reader/: node build.js [folder of detectors] [folder of phantoms] [target]

import { build } from "esbuild";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const inRoot = (folder) => path.join(here, "..", folder);
const [models = inRoot("build/export"), phantoms = inRoot("build/phantoms"), target = inRoot("reports/reader")] =
  process.argv.slice(2);
const CODECS = ["codec-charls/decodewasm", "codec-libjpeg-turbo-8bit/decodewasm", "codec-openjpeg/decodewasm"];
const SAMPLES = { "nih/images": 3, "rsna/stage_2_train_images": 3, "MURA-v1.1/valid": 3 }; // files of each folder

async function main() {
  const names = detectors();
  fs.rmSync(target, { recursive: true, force: true });
  fs.mkdirSync(path.join(target, "models"), { recursive: true });
  for (const name of names) fs.cpSync(path.join(models, name), path.join(target, "models", name), { recursive: true });
  const examples = samples();
  for (const file of ["index.html", "page.css"]) fs.copyFileSync(path.join(here, file), path.join(target, file));
  const wasm = "onnxruntime-web/ort-wasm-simd-threaded.wasm";
  for (const part of [wasm, ...CODECS.map((name) => `@cornerstonejs/${name}`)]) copy(part);
  await bundle();
  const page = filesBelow("").filter((file) => !file.startsWith("models/"));
  const index = {
    models: Object.fromEntries(names.map((name) => [name, filesBelow(`models/${name}/`)])),
    bodies: Object.fromEntries(names.map((name) => [name, bodyOf(name)])),
    samples: examples,
    page: ["./", "models/index.json", ...page],
  };
  fs.writeFileSync(path.join(target, "models/index.json"), JSON.stringify(index));
}

/** The addresses of the files of a folder of the page, at any depth. */
function filesBelow(folder) {
  const found = fs.readdirSync(path.join(target, folder), { recursive: true }).sort();
  const files = found.filter((name) => fs.statSync(path.join(target, folder, name)).isFile());
  return files.map((name) => folder + name.split(path.sep).join("/"));
}

/** The names of the detectors that were exported. */
function detectors() {
  const found = fs.existsSync(models) ? fs.readdirSync(models).sort() : [];
  const names = found.filter((name) => fs.existsSync(path.join(models, name, "detector.json")));
  if (names.length) return names;
  console.error("No detector is exported: run `make export DETECTOR=rsna/nsa/0`, or another one that is trained.");
  process.exit(1);
}

/** Of which body the films are that a detector reads: chest or limb. */
function bodyOf(name) {
  const facts = JSON.parse(fs.readFileSync(path.join(models, name, "detector.json"), "utf8"));
  return (facts.parts ?? [facts])[0].preprocessing.body;
}

/** Copy some phantoms, the first of each body, and return their addresses. */
function samples() {
  fs.mkdirSync(path.join(target, "samples"));
  return Object.entries(SAMPLES).flatMap(([folder, most]) =>
    films(path.join(phantoms, folder)).slice(0, most).map((film, n) => {
      const name = `samples/${folder.split("/")[0].toLowerCase()}_${n + 1}${path.extname(film)}`;
      fs.copyFileSync(film, path.join(target, name));
      return name;
    }),
  );
}

function films(folder) {
  if (!fs.existsSync(folder)) return [];
  const found = fs.readdirSync(folder, { recursive: true }).sort();
  return found.filter((name) => /\.(png|dcm)$/.test(name)).map((name) => path.join(folder, name));
}

function copy(part) {
  const file = fileURLToPath(import.meta.resolve(part));
  fs.copyFileSync(file, path.join(target, path.basename(file)));
}

function bundle() {
  return build({
    entryPoints: ["page.js", "worker.js", "offline.js"].map((file) => path.join(here, "src", file)),
    outdir: target,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2023",
    charset: "utf8", // OpenCV's code is a text of many letters
    legalComments: "linked",
    external: ["fs", "path", "crypto", "url", "module", "node:*"], // which packages ask for outside browsers
    logLevel: "warning",
  });
}

await main();
