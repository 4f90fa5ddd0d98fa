"use strict";
// Cells in order of accuracy, and the paired difference of any two.

const LEADERBOARD = {
  rates: "published",
  depth: "any",
  sparsity: "any",
  budget: Infinity,
  links: Infinity,
  best: true,
  full: CELLS.some((c) => c.full),
  chosen: [],
};

function showLeaderboard(place) {
  const state = LEADERBOARD;
  const all = (name) => [...new Set(CELLS.map((cell) => cell[name]))].sort((a, b) => (a > b ? 1 : -1));
  const networksOf = (data) =>
    CELLS.filter((cell) => cell.data === data).reduce((sum, cell) => sum + cell.rows.length, 0);
  state.data ??= all("data").sort((a, b) => networksOf(b) - networksOf(a))[0];
  if (!CELLS.some((cell) => ofRates(cell.rates, state.rates))) state.rates = "any";
  const results = make("div", {});
  const compared = make("div", { class: "compared", role: "status" });
  const refresh = () => {
    fill(compared, comparison(state.chosen));
    fill(
      results,
      boardTable(state, (cell, wanted) => {
        state.chosen = wanted ? [...state.chosen.slice(-1), cell] : state.chosen.filter((c) => c !== cell);
        for (const box of results.querySelectorAll("input"))
          box.checked = state.chosen.some((c) => c.hash === box.value);
        fill(compared, comparison(state.chosen));
      }),
    );
  };
  const set =
    (name, read = (v) => v) =>
    (value) => {
      state[name] = read(value);
      refresh();
    };
  const numeric = (value) => (value === "any" ? value : Number(value));
  const check = (label, name) =>
    make(
      "label",
      { class: "check" },
      make("input", {
        type: "checkbox",
        name,
        checked: state[name],
        onchange: (event) => set(name)(event.target.checked),
      }),
      label,
    );
  const budgets = [...new Set(CELLS.filter((c) => c.full && c.method === "spectral").map((c) => c.trained))].sort(
    (a, b) => a - b,
  );
  fill(
    place,
    make("h2", {}, "Leaderboard"),
    make(
      "p",
      {},
      "A line is one cell: one configuration, trained with several seeds. Lines are ordered by mean accuracy on the test images. ",
      "Choose two lines to see their paired difference.",
    ),
    make(
      "form",
      { class: "filters", onsubmit: (event) => event.preventDefault() },
      choice(
        "Data",
        "data",
        all("data").map((d) => [d, PAGE.labels[d]]),
        state.data,
        set("data"),
      ),
      choice(
        "Learning rates",
        "rates",
        [
          ["published", "published"],
          ["tuned", "tuned"],
          ["other", "other"],
          ["any", "any"],
        ],
        state.rates,
        set("rates"),
      ),
      choice(
        "Hidden layers",
        "depth",
        [["any", "any"], ...all("depth").map((d) => [d, String(d)])],
        state.depth,
        set("depth", numeric),
      ),
      choice(
        "Sparsity",
        "sparsity",
        [["any", "any"], ...all("sparsity").map((s) => [s, s === 0 ? "0 (dense)" : String(s)])],
        state.sparsity,
        set("sparsity", numeric),
      ),
      limit("Trained parameters, at most", "budget", budgets, state.budget, set("budget")),
      limit("Links, at most", "links", [], state.links, set("links")),
      check("only the best of each method, optimizer and activation, by validation accuracy", "best"),
      check("only full length, as in the paper", "full"),
    ),
    make(
      "p",
      { class: "note" },
      "Links are the weights that are not set to zero. ρ is the number of trained parameters over that of direct training. Adds are the multiply-adds of one training step, which is a batch of one network, in millions: what a step costs.",
    ),
    compared,
    results,
  );
  refresh();
}

/** The cells that pass, best first; of each method and training the one that validation prefers. */
function board({ data, rates, depth, sparsity, budget, links, best, full }) {
  let found = CELLS.filter(
    (cell) =>
      !cell.tuning &&
      cell.data === data &&
      ofRates(cell.rates, rates) &&
      (depth === "any" || cell.depth === depth) &&
      (sparsity === "any" || cell.sparsity === sparsity) &&
      cell.trained <= budget &&
      cell.links <= links &&
      (!full || cell.full),
  );
  if (best) {
    const first = new Map();
    for (const cell of found) {
      const key = `${cell.way}|${cell.training}`;
      if (!first.has(key) || cell.validation > first.get(key).validation) first.set(key, cell);
    }
    found = [...first.values()];
  }
  return found.map((cell) => ({ cell, mean: mean(cell.accuracies) })).sort((a, b) => b.mean.value - a.mean.value);
}

function boardTable(state, choose) {
  const found = board(state);
  if (!found.length) return make("p", { class: "none", role: "status" }, "No cell passes these filters.");
  const lines = found.map(({ cell, mean: m }) => [
    make(
      "label",
      { class: "check" },
      make("input", {
        type: "checkbox",
        value: cell.hash,
        checked: state.chosen.includes(cell),
        onchange: (event) => choose(cell, event.target.checked),
        "aria-label": `compare ${cell.way}, ${cell.network}, ${cell.training}`,
      }),
      cell.way,
    ),
    number(m.value),
    range(...meanInterval(m)),
    String(m.n),
    cell.network,
    String(cell.sparsity),
    cell.training,
    count(cell.trained),
    share(cell.rho),
    count(cell.links),
    cell.adds === null ? "–" : count(cell.adds / 1e6),
    number(cell.epochs, 1),
    cellLink(cell.hash),
  ]);
  return table(
    `${found.length} lines`,
    [
      "method",
      "accuracy",
      "95 % interval",
      "n",
      "network",
      "sparsity",
      "training",
      "trained",
      "ρ",
      "links",
      "adds",
      "epochs",
      "cell",
    ],
    lines,
  );
}

function comparison(chosen) {
  if (chosen.length < 2) return make("p", {}, chosen.length ? "Choose a second line." : "No two lines are chosen.");
  const [a, b] = chosen;
  const d = difference(a.accuracies, b.accuracies);
  const apart = d.low > 0 || d.high < 0;
  const names = [a, b].map((cell) => `${cell.way} (${cell.network}, ${cell.training})`);
  return make(
    "p",
    {},
    make("strong", {}, names[0]),
    " less ",
    make("strong", {}, names[1]),
    ": ",
    make("output", { name: "difference" }, `${number(d.value, 5)}, 95 % interval ${range(d.low, d.high, 5)}`),
    `, n = ${d.n}, ${d.paired} seeds in common. `,
    a.data === b.data ? "" : "The two lines are of different data. ",
    Number.isFinite(d.low)
      ? apart
        ? "The interval does not contain 0."
        : "The interval contains 0: the rows do not tell the two apart."
      : "",
  );
}
