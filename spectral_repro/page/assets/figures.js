"use strict";
// Every figure: means with intervals, each network a dot, and the same as a table.

let figureRates = "any";

function showFigures(place, name) {
  const figure = PAGE.figures.find((f) => f.name === name) ?? PAGE.figures[0];
  const links = PAGE.figures.map((f) =>
    make(
      "li",
      {},
      make(
        "a",
        { href: `#figures/${f.name}`, ...(f === figure ? { "aria-current": "page" } : {}) },
        f.title.split(":")[0],
      ),
    ),
  );
  const charts = make("div", {});
  const kinds = new Set(figure.charts.flatMap((chart) => values(chart.points.rates)));
  const both = kinds.size > 1;
  const show = (rates) => {
    if (both) figureRates = rates;
    fill(
      charts,
      figure.charts.map((chart) => chartFigure(chart, rates)),
    );
  };
  fill(
    place,
    make("nav", { "aria-label": "Figures", class: "chips" }, make("ul", {}, links)),
    make("h2", {}, figure.title + (figure.network ? `, network ${figure.network}` : "")),
    make(
      "p",
      {},
      "A large symbol is the mean of one cell: one configuration, trained with several seeds. Its bar is the 95 % interval of the mean. ",
      "A small dot is one network. Filled symbols: published learning rates (ours where the paper has none); open symbols, which lie above filled ones: tuned ones. Point at a symbol, or tap it, to see its numbers.",
    ),
    both
      ? toggle(
          "Learning rates shown",
          [
            ["any", "all"],
            ["published", "published"],
            ["tuned", "tuned"],
          ],
          figureRates,
          show,
        )
      : null,
    charts,
    figure.commands.length ? made(figure) : null,
  );
  show(both ? figureRates : "any");
}

function made(figure) {
  const lines = figure.captions.map((caption, i) =>
    make("li", {}, caption, ": ", make("code", {}, figure.commands[i])),
  );
  const quick = figure.preliminary
    ? make("p", {}, make("strong", {}, "Preliminary: "), "networks of profile quick stop after a few epochs.")
    : null;
  return make(
    "section",
    {},
    make("h3", {}, "The rows of this figure"),
    quick,
    make("ul", { class: "commands" }, lines),
  );
}

function chartFigure(chart, rates) {
  const points = pointsOf(chart, rates);
  if (!points.length) return make("p", { class: "none" }, `${chart.title}: no rows at ${rates} rates.`);
  const place = make("div", {
    class: "chart",
    role: "img",
    "aria-label": `${chart.title}. ${chart.sentence} The table below has the same numbers.`,
  });
  const chosen = make("div", { class: "chosen", role: "status" });
  const known = points.map(said);
  const order = points.map((point, i) => i).sort((i, j) => points[i].x - points[j].x);
  const lines = order.map((i) => known[i]).map((p) => [
    p.method,
    p.at,
    p.mean,
    p.interval,
    p.n,
    p.epochs,
    p.trained,
    p.rho,
    p.rates,
    p.network,
    cellLink(p.cell),
  ]);
  const headers = [
    "method",
    chart.x.split(",")[0],
    "mean",
    "95 % interval",
    "n",
    "epochs",
    "trained",
    "ρ",
    "rates",
    "network",
    "cell",
  ];
  whenSeen(place, async () => {
    const { view } = await draw(place, specification(chart, points));
    const tell = (_, item) => {
      const point = item?.datum?.cell
        ? known.find((p) => p.cell === item.datum.cell && p.at === item.datum.at && p.method === item.datum.method)
        : null;
      if (point) fill(chosen, make("h4", {}, `${point.method} at ${point.at}`), details(point));
    };
    for (const touch of ["click", "touchend"]) view.addEventListener(touch, tell);
  });
  return make(
    "figure",
    {},
    make("figcaption", {}, make("h3", {}, chart.title), make("p", {}, chart.sentence)),
    place,
    chosen,
    make("details", {}, make("summary", {}, `Table of ${points.length} points`), table(chart.title, headers, lines)),
  );
}

/** The numbers of one point, and the way to its rows. */
function details(point) {
  return make(
    "dl",
    {},
    [
      ["mean", point.mean],
      ["95 % interval", point.interval],
      ["networks (n)", point.n],
      ["epochs, mean", point.epochs],
      ["ρ", point.rho],
      ["trained parameters", point.trained],
      ["cell", cellLink(point.cell)],
      ["command", make("code", {}, point.command)],
    ].flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]),
  );
}

/** Runs once the place comes near the screen, or is about to be printed. */
function whenSeen(place, run) {
  const start = () => {
    watcher.disconnect();
    window.removeEventListener("beforeprint", start);
    run();
  };
  const watcher = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && start(), {
    rootMargin: "400px",
  });
  watcher.observe(place);
  window.addEventListener("beforeprint", start);
}
