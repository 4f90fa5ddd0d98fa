"use strict";
// Accuracy and loss by epoch, of sweeps that kept them.

const HUES = [
  "#1f5fbf",
  "#d62728",
  "#2ca02c",
  "#b8860b",
  "#6a3d9a",
  "#17becf",
  "#8c564b",
  "#e377c2",
  "#7f7f7f",
  "#ff7f0e",
];

function showCurves(place, hash) {
  const points = records(
    PAGE.curves.left_out
      ? Object.fromEntries(Object.entries(PAGE.curves).filter(([k]) => k !== "left_out"))
      : PAGE.curves,
  );
  const cells = [...new Set(points.map((point) => point.cell))].map((key) => BY_HASH.get(key));
  const title = make("h2", {}, "Learning curves");
  if (!cells.length) {
    fill(
      place,
      title,
      make(
        "p",
        {},
        "No sweep here kept its curves. ",
        make("code", {}, "spectral-repro … tracker=csv"),
        " keeps accuracy, loss and learning rate of every epoch; a cell that is trained already needs ",
        make("code", {}, "overwrite=true"),
        " once.",
      ),
    );
    return;
  }
  const left = PAGE.curves.left_out.length;
  const charts = make("div", {});
  const show = (key) => {
    const mine = points.filter((point) => point.cell === key);
    fill(
      charts,
      curveChart(
        mine,
        "validation_accuracy",
        "accuracy on the validation images",
        "Each line is one network: its accuracy on the images held out for validation, after each epoch.",
      ),
      curveChart(
        mine,
        "training_loss",
        "training loss, nats",
        "Each line is one network: its mean cross-entropy on the training images, in each epoch.",
      ),
    );
  };
  const first = BY_HASH.has(hash) && cells.includes(BY_HASH.get(hash)) ? hash : cells[0].hash;
  fill(
    place,
    title,
    choice(
      "Cell",
      "curve-cell",
      cells.map((cell) => [cell.hash, nameOf(cell)]),
      first,
      show,
    ),
    left ? make("p", {}, `${left} more cells have curves; the page leaves them out to stay small.`) : null,
    charts,
  );
  show(first);
}

function curveChart(points, field, title, sentence) {
  const place = make("div", {
    class: "chart",
    role: "img",
    "aria-label": `${sentence} The table below has the same numbers.`,
  });
  const seeds = [...new Set(points.map((point) => point.seed))];
  const spec = {
    width: "container",
    height: 320,
    autosize: { type: "fit-x", contains: "padding" },
    config: theme(),
    data: { values: points.map((point) => ({ epoch: point.epoch, seed: String(point.seed), y: point[field] })) },
    mark: { type: "line", point: { size: 22 }, aria: false },
    encoding: {
      x: { field: "epoch", type: "quantitative", axis: { title: "epoch", tickMinStep: 1, format: "d", grid: false } },
      y: { field: "y", type: "quantitative", scale: { zero: false }, axis: { title } },
      color: {
        field: "seed",
        type: "nominal",
        scale: { range: HUES.map(onGround), domain: seeds.map(String) },
        legend: { title: "seed", orient: "bottom", columns: 5 },
      },
      tooltip: [{ field: "seed", title: "seed" }, { field: "epoch" }, { field: "y", title }],
    },
  };
  whenSeen(place, () => draw(place, spec));
  const epochs = [...new Set(points.map((point) => point.epoch))].sort((a, b) => a - b);
  const at = new Map(points.map((point) => [`${point.epoch} ${point.seed}`, point[field]]));
  const lines = epochs.map((epoch) => [
    String(epoch),
    ...seeds.map((seed) => number(at.get(`${epoch} ${seed}`) ?? null)),
  ]);
  return make(
    "figure",
    {},
    make("figcaption", {}, make("h3", {}, title), make("p", {}, sentence)),
    place,
    make(
      "details",
      {},
      make("summary", {}, `Table of ${epochs.length} epochs`),
      table(title, ["epoch", ...seeds.map((seed) => `seed ${seed}`)], lines),
    ),
  );
}
