"use strict";
// Charts by Vega-Lite: from points to a specification. Nothing is drawn by hand.

const MARKERS = {
  D: "diamond", "^": "triangle-up", v: "triangle-down", s: "square", o: "circle", "<": "triangle-left", ">": "triangle-right",
  p: "M0,-1L0.951,-0.309L0.588,0.809L-0.588,0.809L-0.951,-0.309Z",
  "*": "M0,-1L0.235,-0.324L0.951,-0.309L0.38,0.124L0.588,0.809L0,0.4L-0.588,0.809L-0.38,0.124L-0.951,-0.309L-0.235,-0.324Z",
  X: "M-0.9,-0.5L-0.5,-0.9L0,-0.4L0.5,-0.9L0.9,-0.5L0.4,0L0.9,0.5L0.5,0.9L0,0.4L-0.5,0.9L-0.9,0.5L-0.4,0Z",
  P: "M-0.3,-0.9L0.3,-0.9L0.3,-0.3L0.9,-0.3L0.9,0.3L0.3,0.3L0.3,0.9L-0.3,0.9L-0.3,0.3L-0.9,0.3L-0.9,-0.3L-0.3,-0.3Z",
};
const DASHES = { "-": [1, 0], "--": [6, 4], ":": [2, 3], "-.": [7, 3, 2, 3] };
const ACCURACIES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995];
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

/** Records to draw: of each point its mean, and its networks one by one. */
function pointsOf(chart, rates) {
  return records(chart.points)
    .filter((point) => rates === "any" || ofRates(point.rates, rates))
    .map((point) => {
      const cell = BY_HASH.get(point.cell);
      const rows = cell.rows.filter((row) => row.seed >= point.first && row.seed <= point.last);
      const networks = rows.map((row) => ({ seed: row.seed, y: row.test / point.base, epochs: row.epochs }));
      return { ...point, networks, trained: cell.trained, rho: cell.rho, command: cell.command, epochs: average(rows.map((r) => r.epochs)) };
    });
}

/** What hover and table say of a point. */
const said = (point) => ({
  method: point.series,
  rates: point.rates,
  at: String(point.x),
  mean: number(point.value),
  interval: range(point.low, point.high),
  n: String(point.n),
  epochs: number(point.epochs, 1),
  trained: count(point.trained),
  rho: share(point.rho),
  cell: point.cell,
  command: point.command,
});

function axes(chart, points) {
  const x = { title: chart.x, grid: false, labelOverlap: "greedy" };
  const y = { title: chart.y, labelOverlap: "greedy" };
  const sparse = { ...x, values: SPARSITIES.map(towardsOne), labelExpr: BACK };
  const accurate = { ...y, values: ACCURACIES.map(towardsOne), labelExpr: BACK };
  const sizes = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
  const log = { type: "log", nice: false, padding: 12 };
  const plain = { zero: false, nice: false, padding: 12 };
  return {
    log: { x: { scale: log, axis: { ...x, values: sizes, format: "~d" } }, y: { scale: plain, axis: y } },
    "log log": { x: { scale: log, axis: { ...x, values: sizes, format: "~d" } }, y: { scale: log, axis: { ...y, format: "~g" } } },
    share: { x: { scale: { type: "symlog", constant: 0.01, nice: false, padding: 12 }, axis: { ...x, values: sizes, format: "~g" } }, y: { scale: plain, axis: y } },
    "towards one": { x: { scale: plain, axis: sparse }, y: { scale: plain, axis: accurate } },
    "log near one": { x: { scale: log, axis: { ...x, format: "~s" } }, y: { scale: plain, axis: accurate } },
  }[chart.scale];
}

/** The Vega-Lite specification of a chart. */
function specification(chart, points) {
  const { x, y } = axes(chart, points);
  const xOf = chart.scale === "towards one" ? towardsOne : (value) => value;
  const yOf = chart.scale.includes("one") ? towardsOne : (value) => value;
  const means = points.map((point) => ({
    ...said(point), series: point.series, x: xOf(point.x), y: yOf(point.value),
    low: point.low === null ? null : yOf(point.low), high: point.low === null ? null : yOf(point.high),
  }));
  const dots = chart.dots ? points.flatMap((point) => point.networks.map((network) => ({
    ...said(point), series: point.series, x: xOf(point.x), y: yOf(network.y), seed: String(network.seed), of: number(network.y),
    own: String(network.epochs),
  }))) : [];
  const labels = chart.series.map((series) => series.label);
  const scaleOf = (values) => ({ domain: labels, range: values });
  const narrow = document.documentElement.clientWidth < 600;
  const legend = { title: null, orient: "bottom", columns: narrow ? 2 : 5, symbolSize: 90, symbolOpacity: 1, symbolStrokeWidth: 1.6, labelLimit: 200 };
  const color = { field: "series", type: "nominal", scale: scaleOf(chart.series.map((s) => onGround(s.color))), legend };
  const shape = { field: "series", type: "nominal", scale: scaleOf(chart.series.map((s) => MARKERS[s.marker] ?? "circle")), legend };
  const strokeDash = { field: "series", type: "nominal", scale: scaleOf(chart.series.map((s) => DASHES[s.line] ?? [1, 0])), legend };
  const place = { x: { field: "x", type: "quantitative", ...x }, y: { field: "y", type: "quantitative", ...y } };
  const names = {
    method: "method", rates: "rates", at: chart.x.split(",")[0], mean: "mean", interval: "95 % interval", n: "networks (n)",
    epochs: "epochs, mean", trained: "trained parameters", rho: "ρ", cell: "cell (hash)", command: "command",
  };
  const tooltip = Object.entries(names).map(([field, title]) => ({ field, title, type: "nominal" }));
  const own = [["seed", "this network: seed"], ["of", "its value"], ["own", "its epochs"]].map(([field, title]) => ({ field, title, type: "nominal" }));
  const open = { condition: { test: "datum.rates === 'tuned'", value: paper() }, ...color };
  const still = { aria: false };
  const lines = ["log", "log log", "share", "towards one"].includes(chart.scale);
  const rules = chart.rules.map(([at, name]) => ({ y: at, name }));
  const ruleLines = {
    data: { values: rules }, mark: { type: "rule", strokeWidth: 0.8, color: ink(), opacity: 0.55, ...still },
    encoding: { y: { field: "y", type: "quantitative" } },
  };
  const ruleNames = {
    data: { values: rules }, mark: { type: "text", align: "right", baseline: "bottom", dx: -3, dy: -2, fontSize: 10, color: ink(), opacity: 0.75, ...still },
    encoding: { y: { field: "y", type: "quantitative" }, x: { value: "width" }, text: { field: "name" } },
  };
  return {
    width: "container",
    height: narrow ? 300 : 360,
    autosize: { type: "fit-x", contains: "padding" },
    layer: [
      ...(rules.length ? [ruleLines, ruleNames] : []),
      ...(lines ? [{ data: { values: means }, mark: { type: "line", strokeWidth: 1.4, ...still }, encoding: { ...place, color, strokeDash, detail: { field: "rates" } } }] : []),
      { data: { values: dots }, name: "dots", mark: { type: "circle", size: 14, opacity: 0.45, ...still }, encoding: { ...place, color, tooltip: [...own, ...tooltip] } },
      { data: { values: means }, mark: { type: "rule", strokeWidth: 1.2, ...still }, encoding: { ...place, y: { field: "low", type: "quantitative", ...y }, y2: { field: "high" }, color } },
      { data: { values: means }, name: "means", mark: { type: "point", size: 75, strokeWidth: 1.6, opacity: 1, ...still }, encoding: { ...place, shape, stroke: color, fill: open, tooltip } },
    ],
    config: theme(),
  };
}

/** Colours and letters of the page. */
function theme() {
  const text = { labelColor: ink(), titleColor: ink(), labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" };
  return {
    background: null, font: "system-ui, sans-serif", view: { stroke: null },
    axis: { ...text, gridColor: ink(), gridOpacity: 0.12, domainColor: ink(), tickColor: ink(), titlePadding: 8 }, legend: text,
  };
}

/** The plotting library stands last in the file, so that words are there before it is read. */
const libraryRead = new Promise((resolve) => document.addEventListener("DOMContentLoaded", resolve));

/** Draws a specification into a place; the promise of its view. */
async function draw(place, spec) {
  await libraryRead;
  return vegaEmbed(place, { $schema: "https://vega.github.io/schema/vega-lite/v6.json", ...spec }, { actions: false, renderer: "svg", tooltip: { theme: "custom" } });
}
