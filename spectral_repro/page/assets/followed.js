"use strict";
// What only some sweeps keep: curves by epoch, and the degrees of hidden nodes.

const nameOf = (cell) => `${cell.data.replaceAll("_", " ")}, ${cell.way}, ${cell.network}, s = ${cell.sparsity}, ${cell.training}, ${cell.hash}`;
const HUES = ["#1f5fbf", "#d62728", "#2ca02c", "#b8860b", "#6a3d9a", "#17becf", "#8c564b", "#e377c2", "#7f7f7f", "#ff7f0e"];

function showCurves(place, hash) {
  const points = records(PAGE.curves.left_out ? Object.fromEntries(Object.entries(PAGE.curves).filter(([k]) => k !== "left_out")) : PAGE.curves);
  const cells = [...new Set(points.map((point) => point.cell))].map((key) => BY_HASH.get(key));
  const title = make("h2", {}, "Learning curves");
  if (!cells.length) {
    fill(place, title, make("p", {}, "No sweep here kept its curves. ", make("code", {}, "spectral-repro … tracker=csv"),
      " keeps accuracy, loss and learning rate of every epoch; a cell that is trained already needs ", make("code", {}, "overwrite=true"), " once."));
    return;
  }
  const left = PAGE.curves.left_out.length;
  const charts = make("div", {});
  const show = (key) => {
    const mine = points.filter((point) => point.cell === key);
    fill(charts, curveChart(mine, "validation_accuracy", "accuracy on the validation images", "Each line is one network: its accuracy on the images held out for validation, after each epoch."),
      curveChart(mine, "training_loss", "training loss, nats", "Each line is one network: its mean cross-entropy on the training images, in each epoch."));
  };
  const first = BY_HASH.has(hash) && cells.includes(BY_HASH.get(hash)) ? hash : cells[0].hash;
  fill(place, title, choice("Cell", "curve-cell", cells.map((cell) => [cell.hash, nameOf(cell)]), first, show),
    left ? make("p", {}, `${left} more cells have curves; the page leaves them out to stay small.`) : null, charts);
  show(first);
}

function curveChart(points, field, title, sentence) {
  const place = make("div", { class: "chart", role: "img", "aria-label": `${sentence} The table below has the same numbers.` });
  const seeds = [...new Set(points.map((point) => point.seed))];
  const spec = {
    width: "container", height: 320, autosize: { type: "fit-x", contains: "padding" }, config: theme(),
    data: { values: points.map((point) => ({ epoch: point.epoch, seed: String(point.seed), y: point[field] })) },
    mark: { type: "line", point: { size: 22 }, aria: false },
    encoding: {
      x: { field: "epoch", type: "quantitative", axis: { title: "epoch", tickMinStep: 1, format: "d", grid: false } },
      y: { field: "y", type: "quantitative", scale: { zero: false }, axis: { title } },
      color: { field: "seed", type: "nominal", scale: { range: HUES.map(onGround), domain: seeds.map(String) }, legend: { title: "seed", orient: "bottom", columns: 5 } },
      tooltip: [{ field: "seed", title: "seed" }, { field: "epoch" }, { field: "y", title }],
    },
  };
  whenSeen(place, () => draw(place, spec));
  const epochs = [...new Set(points.map((point) => point.epoch))].sort((a, b) => a - b);
  const at = new Map(points.map((point) => [`${point.epoch} ${point.seed}`, point[field]]));
  const lines = epochs.map((epoch) => [String(epoch), ...seeds.map((seed) => number(at.get(`${epoch} ${seed}`) ?? null))]);
  return make("figure", {}, make("figcaption", {}, make("h3", {}, title), make("p", {}, sentence)), place,
    make("details", {}, make("summary", {}, `Table of ${epochs.length} epochs`), table(title, ["epoch", ...seeds.map((seed) => `seed ${seed}`)], lines)));
}

function showHubs(place) {
  const title = make("h2", {}, "Hubs: how many links a hidden node has");
  if (!PAGE.hubs.length) {
    fill(place, title, make("p", {}, "No sweep here counted the links of hidden nodes. ", make("code", {}, "spectral-repro … sparsity=0.97 degrees=true"), " counts them."));
    return;
  }
  const kind = (hub) => { const c = BY_HASH.get(hub.cell); return `${c.data.replaceAll("_", " ")}, ${c.size}, sparsity ${c.sparsity}, at most ${c.most_epochs} epochs, hidden layer ${hub.layer}`; };
  const kinds = [...new Set(PAGE.hubs.map(kind))].sort((a, b) => Number(b.match(/(\d+) epochs/)[1]) - Number(a.match(/(\d+) epochs/)[1]));
  const charts = make("div", {});
  const show = (wanted) => fill(charts, ["in", "out"].map((direction) => hubChart(PAGE.hubs.filter((hub) => kind(hub) === wanted && hub.direction === direction), direction)));
  fill(place, title,
    make("p", {}, "A link is a weight that is not set to zero. In-links come from the layer before, out-links go to the next. A few nodes with many links are hubs."),
    choice("Networks", "hub-kind", kinds.map((k) => [k, k]), kinds[0], show), charts);
  show(kinds[0]);
}

function hubChart(hubs, direction) {
  const sentence = `How large a share of the hidden nodes has at least so many ${direction}-links, all networks of a method together.`;
  const place = make("div", { class: "chart", role: "img", "aria-label": `${sentence} The table below sums it up.` });
  const total = (hub) => hub.count.reduce((a, b) => a + b, 0);
  const survival = hubs.flatMap((hub) => {
    let left = total(hub);
    return hub.degree.map((degree, i) => {
      const point = { method: BY_HASH.get(hub.cell).way, degree, share: left / total(hub) };
      left -= hub.count[i];
      return point;
    });
  });
  const styles = hubs.map((hub) => PAGE.styles[BY_HASH.get(hub.cell).method]);
  const legend = { title: null, orient: "bottom" };
  const named = { domain: hubs.map((hub) => BY_HASH.get(hub.cell).way) };
  const spec = {
    width: "container", height: 300, autosize: { type: "fit-x", contains: "padding" }, config: theme(), data: { values: survival },
    mark: { type: "line", interpolate: "step-before", point: { size: 16, opacity: 0.6 }, aria: false },
    encoding: {
      x: { field: "degree", type: "quantitative", scale: { type: "symlog", constant: 1, nice: false }, axis: { title: `${direction}-links of a node, d`, values: [0, 1, 2, 5, 10, 20, 50, 100, 200, 500], grid: false } },
      y: { field: "share", type: "quantitative", scale: { type: "log", nice: false }, axis: { title: "share of nodes with at least d", format: "~g" } },
      color: { field: "method", type: "nominal", scale: { ...named, range: styles.map((s) => onGround(s.color)) }, legend },
      strokeDash: { field: "method", type: "nominal", scale: { ...named, range: styles.map((s) => DASHES[s.line]) }, legend },
      tooltip: ["method", "degree", "share"].map((field) => ({ field, ...(field === "share" ? { format: ".4f" } : {}) })),
    },
  };
  whenSeen(place, () => draw(place, spec));
  const lines = hubs.map((hub) => [BY_HASH.get(hub.cell).way, String(hub.networks), percent(hub.degree[0] === 0 ? hub.count[0] / total(hub) : 0),
    String(hub.degree.at(-1)), number(hub.top), range(hub.low, hub.high), cellLink(hub.cell)]);
  return make("figure", {}, make("figcaption", {}, make("h3", {}, `${direction}-links`), make("p", {}, sentence)), place,
    table(`${direction}-links in numbers`, ["method", "networks", "nodes without any", "most of a node", "share of links held by the top 5 % of nodes", "95 % interval", "cell"], lines));
}
