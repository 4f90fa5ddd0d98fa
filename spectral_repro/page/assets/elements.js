"use strict";
// Small pieces of a document: elements, tables, choices.

/** An element with attributes and children; texts are never read as HTML. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * A table that scrolls sideways on a narrow screen.
 * @param {string} caption what it shows
 * @param {string[]} headers
 * @param {(string|Node)[][]} lines the first of each heads its row
 */
function table(caption, headers, lines) {
  const cells = (line) => line.map((value, i) => make(i ? "td" : "th", i ? {} : { scope: "row" }, value));
  const whole = make(
    "table",
    {},
    make("caption", {}, caption),
    make(
      "thead",
      {},
      make(
        "tr",
        {},
        headers.map((header) => make("th", { scope: "col" }, header)),
      ),
    ),
    make(
      "tbody",
      {},
      lines.map((line) => make("tr", {}, cells(line))),
    ),
  );
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

/** Buttons of which one is pressed. */
function toggle(legend, choices, chosen, change) {
  const buttons = choices.map(([value, label]) =>
    make(
      "button",
      {
        type: "button",
        "data-value": value,
        "aria-pressed": String(value === chosen),
        onclick: (event) => {
          buttons.forEach((b) => b.setAttribute("aria-pressed", String(b === event.currentTarget)));
          change(value);
        },
      },
      label,
    ),
  );
  return make("fieldset", { class: "toggle" }, make("legend", {}, legend), buttons);
}

/** A labelled list to choose from. */
function choice(label, name, choices, chosen, change) {
  const options = choices.map(([value, text]) =>
    make("option", { value: String(value), selected: value === chosen }, text),
  );
  return make("label", {}, label, make("select", { name, onchange: (event) => change(event.target.value) }, options));
}

/** A labelled number, empty for any. */
function limit(label, name, suggestions, value, change) {
  const list = make(
    "datalist",
    { id: `${name}-list` },
    suggestions.map((value) => make("option", { value: String(value) })),
  );
  const input = make("input", {
    type: "number",
    min: "0",
    name,
    placeholder: "any",
    value: Number.isFinite(value) ? String(value) : "",
    list: list.id,
    inputmode: "numeric",
    oninput: (event) => change(event.target.value === "" ? Infinity : Number(event.target.value)),
  });
  return make("label", {}, label, input, list);
}

/** The way from a cell to how it was made. */
const cellLink = (hash) => make("a", { href: `#rows/${hash}`, class: "hash" }, hash);

/** Fills a place anew. */
const fill = (place, ...children) => place.replaceChildren(...children.flat().filter((child) => child !== null));
