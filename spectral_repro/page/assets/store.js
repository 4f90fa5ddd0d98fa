"use strict";
// The numbers of the page: columns back to cells and networks.

const PAGE = JSON.parse(document.getElementById("data").textContent);

/** A column as Python's page.columns wrote it: a list, or different values and the index of each. */
const values = (column) => (Array.isArray(column) ? column : column.at.map((i) => column.of[i]));

/** Columns as a list of records. */
function records(columns) {
  const names = Object.keys(columns);
  const lists = names.map((name) => values(columns[name]));
  const length = lists.length ? lists[0].length : 0;
  return Array.from({ length }, (_, i) => Object.fromEntries(names.map((name, k) => [name, lists[k][i]])));
}

const MAKERS = records(PAGE.makers);
const CELLS = records(PAGE.cells);
CELLS.forEach((cell, i) => {
  const words = PAGE.commands.at[i];
  cell.command = words ? words.map((w) => PAGE.commands.words[w]).join(" ") : `spectral-repro --config-of ${cell.hash}`;
  cell.rows = [];
});
for (const row of records(PAGE.rows)) CELLS[row.cell].rows.push(row);
for (const cell of CELLS) {
  const results = cell.rows.filter((row) => row.seed < PAGE.tuning_seeds);
  cell.tuning = results.length === 0; // its rate was tried out here: nothing of it is a result
  cell.results = cell.tuning ? cell.rows : results;
  cell.accuracies = new Map(cell.results.map((row) => [row.seed, row.test]));
  cell.validation = average(cell.results.map((row) => row.validation));
  cell.epochs = average(cell.results.map((row) => row.epochs));
  cell.network = cell.size + (cell.named ? `, ${cell.named}` : "");
}
const BY_HASH = new Map(CELLS.map((cell) => [cell.hash, cell]));

/** What tells a cell from all others, in words. */
const nameOf = (cell) =>
  `${PAGE.labels[cell.data]}, ${cell.way}, ${cell.network}, s = ${cell.sparsity}, ${cell.training}, ${cell.hash}`;

/** Whether a cell's rate is of this kind; "both" is published and tuned at once. */
const ofRates = (kind, wanted) =>
  wanted === "any" || kind === wanted || (kind === "both" && ["published", "tuned"].includes(wanted));

const number = (value, digits = 4) => (value === null || !Number.isFinite(value) ? "–" : value.toFixed(digits));
const count = (value) => Math.round(value).toLocaleString("en-GB");
const percent = (value) => `${(100 * value).toFixed(1)} %`;
const range = (low, high, digits = 4) =>
  low === null || !Number.isFinite(low)
    ? "unknown: one network"
    : `${number(low, digits)}\u00a0to\u00a0${number(high, digits)}`;
const share = (value) => (value < 0.001 ? value.toPrecision(2) : value.toFixed(4));
