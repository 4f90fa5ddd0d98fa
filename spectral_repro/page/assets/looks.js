"use strict";
// How charts look: markers, colours, axes; and the call of the library that draws them.

const MARKERS = {
  D: "diamond",
  "^": "triangle-up",
  v: "triangle-down",
  s: "square",
  o: "circle",
  "<": "triangle-left",
  ">": "triangle-right",
  d: "M0,-1L0.55,0L0,1L-0.55,0Z",
  8: "M-0.38,-0.92L0.38,-0.92L0.92,-0.38L0.92,0.38L0.38,0.92L-0.38,0.92L-0.92,0.38L-0.92,-0.38Z",
  h: "M0,-1L0.866,-0.5L0.866,0.5L0,1L-0.866,0.5L-0.866,-0.5Z",
  H: "M-0.5,-0.866L0.5,-0.866L1,0L0.5,0.866L-0.5,0.866L-1,0Z",
  p: "M0,-1L0.951,-0.309L0.588,0.809L-0.588,0.809L-0.951,-0.309Z",
  "*": "M0,-1L0.235,-0.324L0.951,-0.309L0.38,0.124L0.588,0.809L0,0.4L-0.588,0.809L-0.38,0.124L-0.951,-0.309L-0.235,-0.324Z",
  X: "M-0.9,-0.5L-0.5,-0.9L0,-0.4L0.5,-0.9L0.9,-0.5L0.4,0L0.9,0.5L0.5,0.9L0,0.4L-0.5,0.9L-0.9,0.5L-0.4,0Z",
  P: "M-0.3,-0.9L0.3,-0.9L0.3,-0.3L0.9,-0.3L0.9,0.3L0.3,0.3L0.3,0.9L-0.3,0.9L-0.3,0.3L-0.9,0.3L-0.9,-0.3L-0.3,-0.3Z",
};
const DASHES = { "-": [1, 0], "--": [6, 4], ":": [2, 3], "-.": [7, 3, 2, 3] };
const ACCURACIES = [
  0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.88, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.975, 0.98, 0.985, 0.99,
  0.995, 0.999,
];
const SHARES = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001];
const SPARSITIES = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99];
const towardsOne = (value) => -Math.log10(Math.max(1 - value, 1e-4));
const BACK = "format(1 - pow(10, -datum.value), '.3~f')";

const isDark = () => document.documentElement.dataset.theme === "dark";
const ink = () => getComputedStyle(document.documentElement).getPropertyValue("--ink").trim();
const paper = () => getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();

/** The colour of a method, lighter on a dark ground; black is the colour of the letters. */
function onGround(color) {
  if (!isDark()) return color;
  const canvas = document.createElement("canvas").getContext("2d");
  canvas.fillStyle = color;
  const parts = [1, 3, 5].map((i) => parseInt(canvas.fillStyle.slice(i, i + 2), 16));
  if (Math.max(...parts) < 40) return ink();
  return `rgb(${parts.map((part) => Math.round(part + (255 - part) * 0.45)).join(",")})`;
}

const isNarrow = () => document.documentElement.clientWidth < 600;

/** A title in two lines where one would be cut. */
function onLines(title) {
  if (!isNarrow() || title.length < 40) return title;
  const middle = title.indexOf(" ", title.length / 2);
  return middle < 0 ? title : [title.slice(0, middle), title.slice(middle + 1)];
}

function axes(chart, points) {
  const x = { title: onLines(chart.x), grid: false, labelOverlap: "greedy" };
  const y = { title: onLines(chart.y), labelOverlap: "greedy" };
  const sparse = { ...x, values: SPARSITIES.map(towardsOne), labelExpr: BACK };
  const accurate = { ...y, values: ACCURACIES.map(towardsOne), labelExpr: BACK };
  const sizes = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const log = { type: "log", nice: false, padding: 12 };
  const few = sizes.filter((size, i) => i === 0 || size > 1.2 * sizes[i - 1]);
  const plain = { zero: false, nice: false, padding: 12 };
  return {
    log: { x: { scale: log, axis: { ...x, values: sizes, format: "~d" } }, y: { scale: plain, axis: y } },
    "log log": {
      x: { scale: log, axis: { ...x, values: sizes, format: "~d" } },
      y: { scale: log, axis: { ...y, values: SHARES, format: "~g" } },
    },
    share: {
      x: {
        scale: { type: "symlog", constant: 0.01, nice: false, padding: 12 },
        axis: { ...x, values: sizes, format: "~g" },
      },
      y: { scale: plain, axis: y },
    },
    "towards one": { x: { scale: plain, axis: sparse }, y: { scale: plain, axis: accurate } },
    links: {
      x: { scale: log, axis: { ...x, values: few, format: "~s" } },
      y: { scale: plain, axis: accurate },
    },
    "log near one": { x: { scale: log, axis: { ...x, format: "~s" } }, y: { scale: plain, axis: accurate } },
  }[chart.scale];
}

/** Colours and letters of the page. */
function theme() {
  const text = {
    labelColor: ink(),
    titleColor: ink(),
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
  };
  return {
    background: null,
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { ...text, gridColor: ink(), gridOpacity: 0.12, domainColor: ink(), tickColor: ink(), titlePadding: 8 },
    legend: text,
  };
}

/** The plotting library stands last in the file, so that words are there before it is read. */
const libraryRead = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));

let drawn = [];

/** Draws a specification into a place; the promise of its view. Charts that left the page are given up. */
async function draw(place, spec) {
  await libraryRead;
  drawn = drawn.filter((chart) => chart.place.isConnected || chart.finalize());
  const whole = { $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...spec };
  const options = { actions: false, renderer: "svg", tooltip: { theme: "custom" } };
  const chart = await vegaEmbed(place, whole, options);
  drawn.push({ place, finalize: () => void chart.finalize() });
  return chart;
}
