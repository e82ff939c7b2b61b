/* Tables that sort and filter, and thresholds that move. Without it a page is complete. */
"use strict";

const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

/* Tables: a click on a column's head sorts by it, up, down, and as it was. */
const text = (row, column) => row.cells[column].textContent.trim();
const number = (words) => {
  const first = /^[<>†~\s]*([+\-−]?(?:\d[\d,]*\d|\d)?(?:\.\d+)?(?:e[+-]?\d+)?)/i.exec(words)[1];
  if (!first) return NaN;
  const value = Number(first.replace("−", "-").replace(/,/g, ""));
  return words.startsWith("<") ? value * (1 - 1e-9) : value; // < 0.0001 comes before 0.0001
};

function order(rows, column) {
  const words = rows.map((row) => text(row, column)).filter(Boolean);
  const numeric = words.length > 0 && words.every((word) => !Number.isNaN(number(word)));
  return (a, b) => {
    const [x, y] = [text(a, column), text(b, column)];
    if (!x || !y) return null; // empty cells stay last, whichever way the rest goes
    return numeric ? number(x) - number(y) : x.localeCompare(y, "en", { numeric: true });
  };
}

function sortable(table, rows) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.textContent.trim()) return;
    const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const next = { ascending: "descending", descending: "none" }[before] ?? "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (next !== "none") head.setAttribute("aria-sort", next);
      const compare = order(rows, column);
      const way = next === "descending" ? -1 : 1;
      const sorted = next === "none" ? rows : [...rows].sort((a, b) =>
        compare(a, b) === null ? !text(a, column) - !text(b, column) : way * compare(a, b));
      table.tBodies[0].append(...sorted);
    });
  });
}

/* Columns of which a reader may want the rows of one value: each has a list of its values. */
const LISTED = ["data set", "family", "labels", "known labels", "setting", "pre-training", "level", "per"];

function lists(table, rows) {
  return [...table.tHead.rows[0].cells].flatMap((head, column) => {
    const name = head.textContent.trim();
    const values = new Set(LISTED.includes(name) ? rows.map((row) => text(row, column)) : []);
    if (values.size < 2) return [];
    const sorted = [...values].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
    const options = sorted.map((value) => make("option", { value }, value || "(empty)"));
    return [{ name, column, list: make("select", {}, make("option", {}, "all"), ...options) }];
  });
}

function filterable(table, rows, listed) {
  const count = make("output", {}, `${rows.length} of ${rows.length} rows`);
  const field = make("input", { type: "search", autocomplete: "off" });
  const update = () => {
    const wanted = field.value.trim().toLowerCase();
    rows.forEach((row) => {
      const found = [...row.cells].some((cell) => cell.textContent.toLowerCase().includes(wanted));
      row.hidden = !found || listed.some(({ column, list }) =>
        list.selectedIndex > 0 && list.value !== text(row, column));
    });
    count.value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };
  const labels = listed.map(({ name, list }) => make("label", {}, `${name} `, list));
  const filter = make("div", { className: "filter", role: "group", ariaLabel: "Rows to show" },
    make("label", {}, "Show rows with ", field), ...labels, count);
  filter.addEventListener("input", update);
  const folded = table.closest("details"); // where the filter is folded up with its table
  ((folded ? null : table.closest(".scroll")) ?? table).before(filter);
}

/* A short table with several lines in its cells: on a phone its cells are below each other, each with its column's name. */
function stackable(table, rows) {
  if (!table.querySelector("td br") || rows.length > 9) return;
  table.classList.add("stackable");
  const names = [...table.tHead.rows[0].cells].map((head) => head.textContent.trim());
  rows.forEach((row) => [...row.cells].slice(1).forEach((cell, n) => { cell.dataset.column = names[n + 1]; }));
}

for (const table of document.querySelectorAll("main table")) {
  const rows = [...(table.tBodies[0]?.rows ?? [])];
  const spanned = table.querySelector("[colspan], [rowspan]") || table.tHead?.rows.length !== 1;
  if (!spanned) stackable(table, rows);
  if (!spanned && rows.length > 2) sortable(table, rows);
  if (rows.length > 15) filterable(table, rows, spanned ? [] : lists(table, rows));
}

/* A table that is wider than its frame says that it goes on, and moves by the keyboard. */
function continued(table) {
  const frame = table.closest(".scroll") ?? table;
  const more = make("p", { className: "more", hidden: true }, "More columns to the right: move the table sideways →");
  frame.before(more);
  const update = () => {
    more.hidden = frame.scrollWidth <= frame.clientWidth + 1;
    if (!more.hidden) frame.tabIndex = 0;
  };
  new ResizeObserver(update).observe(frame);
  update();
}

document.querySelectorAll("main table").forEach(continued);

/* A threshold to move: what it does to films with the reader's own share of abnormal ones. */
const percent = (share) => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : "no film");

function decide(data) {
  const { steps, start, base_rate } = JSON.parse(data.textContent);
  const slider = make("input", { type: "range", min: 0, max: steps.length - 1, step: 1, value: start });
  const share = make("input", { type: "number", min: 0.1, max: 99.9, step: "any", required: true,
    value: (100 * base_rate).toFixed(1) });
  const threshold = make("output", {});
  const names = ["recall", "specificity", "flagged per 1,000 films", "PPV", "NPV"];
  const values = names.map(() => make("dd", {}));
  const pairs = names.map((name, n) => make("div", {}, make("dt", {}, name), values[n]));
  const answer = make("dl", { ariaLive: "polite" }, ...pairs);
  const update = () => {
    const [at, recall, specificity] = steps[slider.value];
    threshold.value = at === null ? "above every test film" : String(at);
    slider.setAttribute("aria-valuetext", threshold.value);
    share.setAttribute("aria-invalid", !share.checkValidity());
    const abnormal = share.checkValidity() ? Number(share.value) / 100 : NaN;
    const found = abnormal * recall;
    const flagged = found + (1 - abnormal) * (1 - specificity);
    const shown = [percent(recall), percent(specificity), (1000 * flagged).toFixed(0),
      percent(found / flagged), percent(((1 - abnormal) * specificity) / (1 - flagged))];
    if (Number.isNaN(abnormal)) shown.fill("a share from 0.1 to 99.9 %, please", 2);
    values.forEach((value, n) => { value.textContent = shown[n]; });
  };
  slider.addEventListener("input", update);
  share.addEventListener("input", update);
  data.before(make("div", { className: "decide", role: "group", ariaLabel: "A threshold to move" },
    make("p", {}, make("label", {}, "Threshold: flagged from a score of ", threshold, slider)),
    make("p", {}, make("label", {}, "Abnormal films among yours, in % ", share)), answer));
  update();
}

document.querySelectorAll("script.decisions").forEach(decide);
