"use strict";
// How each row was made: the command, the code, the device, and every network.

const MOST_LISTED = 25;

function showRows(place, hash) {
  const cell = BY_HASH.get(hash);
  const list = make("div", {});
  const search = (text) => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = CELLS.filter((c) =>
      words.every((word) => `${nameOf(c)} ${c.data} ${c.rates} ${c.method}`.toLowerCase().includes(word)),
    );
    const lines = found
      .slice(0, MOST_LISTED)
      .map((c) => [
        cellLink(c.hash),
        PAGE.labels[c.data],
        c.way,
        c.network,
        String(c.sparsity),
        c.training,
        c.rates,
        String(c.rows.length),
      ]);
    const more = found.length > MOST_LISTED ? `, the first ${MOST_LISTED} of them shown: type more words` : "";
    fill(
      list,
      table(
        `${found.length} cells${more}`,
        ["cell", "data", "method", "network", "sparsity", "training", "rates", "networks"],
        lines,
      ),
    );
  };
  fill(
    place,
    make("h2", {}, "How each row was made"),
    make(
      "p",
      {},
      "A cell is one configuration. Its hash covers all that changes its numbers. A row is one network of a cell, with its own seed.",
    ),
    cell ? cellDetails(cell) : hash ? make("p", { class: "none" }, `No cell has the hash ${hash}.`) : null,
    make("h3", {}, "Find a cell"),
    make(
      "label",
      {},
      "Words, for instance: mnist sqr 500 tuned",
      make("input", { type: "search", name: "find", oninput: (event) => search(event.target.value) }),
    ),
    list,
    make("h3", {}, "Code and machines"),
    table(
      "Which code on which machine computed how many networks",
      ["code", "torch", "device", "products of matrices", "networks"],
      makerLines(),
    ),
  );
  search("");
}

function makerLines() {
  const counts = new Array(MAKERS.length).fill(0);
  for (const cell of CELLS) for (const row of cell.rows) counts[row.maker] += 1;
  return MAKERS.map((m, i) => [m.code_version, m.torch_version, m.device, productsOf(m), count(counts[i])]);
}

const productsOf = (maker) => `${maker.precision}${maker.products ? `, ${maker.products}` : ""}`;

function cellDetails(cell) {
  const lines = cell.rows.map((row) => [
    String(row.seed),
    String(row.test),
    number(row.validation),
    String(row.epochs),
    number(row.seconds, 1),
    MAKERS[row.maker].code_version,
    MAKERS[row.maker].torch_version,
    MAKERS[row.maker].device,
    row.finished,
  ]);
  const m = mean(cell.accuracies);
  const facts = [
    ["accuracy", `${number(m.value)}, 95 % interval ${range(...meanInterval(m))}, n = ${m.n}`],
    ["trained parameters", `${count(cell.trained)}, ρ = ${share(cell.rho)}`],
    ["links", count(cell.links)],
    ["learning rate", `${cell.rates === "both" ? "published and tuned" : cell.rates}: ${cell.training}`],
    ["options", cell.options ?? "none"],
    ["command", make("code", {}, cell.command)],
  ];
  return make(
    "section",
    { class: "cell" },
    make("h3", {}, `${cell.way}, ${PAGE.labels[cell.data]}, ${cell.network}, sparsity ${cell.sparsity} (${cell.hash})`),
    cell.tuning
      ? make("p", {}, "These networks only served to choose a learning rate.")
      : make("p", {}, `Seeds from ${PAGE.tuning_seeds} on only chose a learning rate, and are in no mean.`),
    make("p", {}, "Seconds are those of training together, shared evenly by the networks of a batch."),
    make(
      "dl",
      {},
      facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
    ),
    table(
      `Networks of cell ${cell.hash}`,
      ["seed", "test accuracy", "validation", "epochs", "seconds", "code", "torch", "device", "finished (UTC)"],
      lines,
    ),
  );
}
