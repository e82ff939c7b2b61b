// Make elements of the page.

/** Return an element with attributes (or listeners, as onclick) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

/** Return a label with a slider from 0 to 100 %, and the percentage in words. */
export function slider(words, value, onchange) {
  const shown = make("output", {}, `${value} %`);
  const input = make("input", { type: "range", min: 0, max: 100, value });
  input.addEventListener("input", () => {
    shown.value = `${input.value} %`;
    input.setAttribute("aria-valuetext", shown.value);
    onchange(Number(input.value) / 100);
  });
  return make("label", {}, `${words} `, input, " ", shown);
}
