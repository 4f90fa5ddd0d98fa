"use strict";
// Charts by Vega-Lite: from points to a specification. Nothing is drawn by hand.

/** Records to draw: of each point its mean, and its networks one by one. */
function pointsOf(chart, rates) {
  return records(chart.points)
    .filter((point) => rates === "any" || ofRates(point.rates, rates))
    .map((point) => {
      const cell = BY_HASH.get(point.cell);
      const rows = cell.rows.filter((row) => row.seed >= point.first && row.seed <= point.last);
      const networks = rows.map((row) => ({ seed: row.seed, y: row.test / point.base, epochs: row.epochs }));
      return {
        ...point,
        networks,
        trained: cell.trained,
        rho: cell.rho,
        command: cell.command,
        epochs: average(rows.map((r) => r.epochs)),
      };
    });
}

/** What hover and table say of a point. */
const said = (point) => ({
  method: point.series,
  network: BY_HASH.get(point.cell).network,
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

/** The Vega-Lite specification of a chart. */
function specification(chart, points) {
  const { x, y } = axes(chart, points);
  const xOf = chart.scale === "towards one" ? towardsOne : (value) => value;
  const yOf = chart.scale.includes("one") || chart.scale === "links" ? towardsOne : (value) => value;
  const dashes = new Map(chart.series.map((series) => [series.label, DASHES[series.line] ?? [1, 0]]));
  const means = points.map((point) => ({
    ...said(point),
    series: point.series,
    dash: dashes.get(point.series),
    x: xOf(point.x),
    y: yOf(point.value),
    low: point.low === null ? null : yOf(point.low),
    high: point.low === null ? null : yOf(point.high),
  }));
  const dots = chart.dots
    ? points.flatMap((point) =>
        point.networks.map((network) => ({
          ...said(point),
          series: point.series,
          x: xOf(point.x),
          y: yOf(network.y),
          seed: String(network.seed),
          of: number(network.y),
          own: String(network.epochs),
        })),
      )
    : [];
  const labels = chart.series.map((series) => series.label);
  const scaleOf = (values) => ({ domain: labels, range: values });
  const narrow = isNarrow();
  const legend = {
    title: null,
    orient: "bottom",
    columns: narrow ? 2 : 5,
    symbolSize: 90,
    symbolOpacity: 1,
    symbolStrokeWidth: 1.6,
    labelLimit: 200,
  };
  const color = {
    field: "series",
    type: "nominal",
    scale: scaleOf(chart.series.map((s) => onGround(s.color))),
    legend,
  };
  const shape = {
    field: "series",
    type: "nominal",
    scale: scaleOf(chart.series.map((s) => MARKERS[s.marker] ?? "circle")),
    legend,
  };
  const strokeDash = { field: "dash", scale: null, legend: null }; // a dashed line, and no dashed symbols in the legend
  const seen = [...means, ...dots].map((d) => d.y).concat(chart.rules.map(([at]) => yOf(at)));
  const bars = means.flatMap((d) => (d.n > 2 ? [d.low, d.high] : [])).filter((v) => v !== null); // of two: far too long
  const [least, most] = [Math.min(...seen, ...bars), Math.max(...seen, ...bars)];
  const vertical = { ...y, scale: { ...y.scale, domain: [least, most] } };
  const place = { x: { field: "x", type: "quantitative", ...x }, y: { field: "y", type: "quantitative", ...vertical } };
  const names = {
    method: "method",
    network: "network",
    rates: "learning rates",
    at: chart.x.split(",")[0],
    mean: "mean",
    interval: "95 % interval",
    n: "networks (n)",
    epochs: "epochs, mean",
    trained: "trained parameters",
    rho: "ρ",
    cell: "cell (hash)",
    command: "command",
  };
  if (names.at === names.trained) delete names.at;
  const tooltip = Object.entries(names).map(([field, title]) => ({ field, title, type: "nominal" }));
  const own = [
    ["seed", "this network: seed"],
    ["of", "its value"],
    ["own", "its epochs"],
  ].map(([field, title]) => ({ field, title, type: "nominal" }));
  const open = { condition: { test: "datum.rates === 'tuned'", value: paper() }, ...color };
  const still = { aria: false };
  const counted = Object.entries(chart.counted).flatMap(([series, line]) => inDomain(line, points, series, dashes));
  const lines = counted.length ? counted : ["log", "share", "towards one", "links"].includes(chart.scale) ? means : [];
  const front = chart.scale === "log near one" ? paretoFront(means) : [];
  const rules = chart.rules.map(([at, name]) => ({ y: at, name }));
  const ruleLines = {
    data: { values: rules },
    mark: { type: "rule", strokeWidth: 0.8, color: ink(), opacity: 0.55, ...still },
    encoding: { y: { field: "y", type: "quantitative" } },
  };
  const ruleNames = {
    data: { values: rules },
    mark: {
      type: "text",
      align: "right",
      baseline: "bottom",
      dx: -3,
      dy: -2,
      fontSize: 10,
      color: ink(),
      opacity: 0.75,
      ...still,
    },
    encoding: { y: { field: "y", type: "quantitative" }, x: { value: "width" }, text: { field: "name" } },
  };
  const dotMarks = {
    data: { values: dots },
    name: "dots",
    mark: { type: "circle", size: 14, opacity: 0.45, ...still },
    encoding: { ...place, color, tooltip: [...own, ...tooltip] },
  };
  return {
    width: "container",
    height: narrow ? 300 : 360,
    autosize: { type: "fit-x", contains: "padding" },
    layer: [
      ...(rules.length ? [ruleLines, ruleNames] : []),
      ...(front.length
        ? [
            {
              data: { values: front },
              name: "front",
              mark: { type: "line", interpolate: "step-after", strokeWidth: 1, color: ink(), opacity: 0.5, ...still },
              encoding: place,
            },
          ]
        : []),
      ...(lines.length
        ? [
            {
              data: { values: lines },
              mark: { type: "line", strokeWidth: 1.4, ...still },
              encoding: { ...place, color, strokeDash, detail: { field: "rates" } },
            },
          ]
        : []),
      ...(dots.length ? [dotMarks] : []),
      {
        data: { values: means },
        name: "bars",
        mark: { type: "rule", strokeWidth: 1.2, clip: true, ...still },
        encoding: { ...place, y: { ...place.y, field: "low" }, y2: { field: "high" }, color },
      },
      {
        data: { values: means },
        name: "means",
        mark: { type: "point", size: 75, strokeWidth: 1.6, opacity: 1, ...still },
        encoding: { ...place, shape, stroke: color, fill: open, tooltip },
      },
    ],
    config: theme(),
  };
}

/** A counted line between the smallest and the largest size that was trained. */
function inDomain(line, points, series, dashes) {
  const sizes = points.map((point) => point.x);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  return line
    .filter(([x]) => x >= least && x <= most)
    .map(([x, y]) => ({ series, x, y, dash: dashes.get(series), rates: "any" }));
}

/** The means that no mean at most as far right exceeds. */
function paretoFront(means) {
  let best = -Infinity;
  return [...means]
    .sort((a, b) => a.x - b.x || b.y - a.y)
    .filter(({ y }) => y > best && (best = y));
}
