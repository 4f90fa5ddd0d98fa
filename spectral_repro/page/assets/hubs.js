"use strict";
// The degrees of hidden nodes: whether few of them hold most links.

function showHubs(place) {
  const title = make("h2", {}, "Hubs: how many links a hidden node has");
  if (!PAGE.hubs.length) {
    fill(
      place,
      title,
      make(
        "p",
        {},
        "No sweep here counted the links of hidden nodes. ",
        make("code", {}, "spectral-repro … sparsity=0.97 degrees=true"),
        " counts them.",
      ),
    );
    return;
  }
  const kind = (hub) => {
    const c = BY_HASH.get(hub.cell);
    return `${PAGE.labels[c.data]}, ${c.size}, sparsity ${c.sparsity}, at most ${c.most_epochs} epochs, hidden layer ${hub.layer}`;
  };
  const kinds = [...new Set(PAGE.hubs.map(kind))].sort(
    (a, b) => Number(b.match(/(\d+) epochs/)[1]) - Number(a.match(/(\d+) epochs/)[1]),
  );
  const charts = make("div", {});
  const show = (wanted) =>
    fill(
      charts,
      ["in", "out"].map((direction) =>
        hubChart(
          PAGE.hubs.filter((hub) => kind(hub) === wanted && hub.direction === direction),
          direction,
        ),
      ),
    );
  fill(
    place,
    title,
    make(
      "p",
      {},
      "A link is a weight that is not set to zero. In-links come from the layer before, out-links go to the next. A few nodes with many links are hubs.",
    ),
    choice(
      "Networks",
      "hub-kind",
      kinds.map((k) => [k, k]),
      kinds[0],
      show,
    ),
    charts,
  );
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
  const legend = { title: null, orient: "bottom", symbolOpacity: 1 };
  const named = { domain: hubs.map((hub) => BY_HASH.get(hub.cell).way) };
  const spec = {
    width: "container",
    height: 300,
    autosize: { type: "fit-x", contains: "padding" },
    config: theme(),
    data: { values: survival },
    mark: { type: "line", interpolate: "step-before", point: { size: 16, opacity: 0.6 }, aria: false },
    encoding: {
      x: {
        field: "degree",
        type: "quantitative",
        scale: { type: "symlog", constant: 1, nice: false },
        axis: {
          title: `${direction}-links of a node, d`,
          values: [0, 1, 2, 5, 10, 20, 50, 100, 200, 500],
          format: "d",
          grid: false,
        },
      },
      y: {
        field: "share",
        type: "quantitative",
        scale: { type: "log", nice: false },
        axis: { title: "share of nodes with at least d", values: SHARES, format: "~g" },
      },
      color: {
        field: "method",
        type: "nominal",
        scale: { ...named, range: styles.map((s) => onGround(s.color)) },
        legend,
      },
      strokeDash: {
        field: "method",
        type: "nominal",
        scale: { ...named, range: styles.map((s) => DASHES[s.line]) },
        legend,
      },
      tooltip: ["method", "degree", "share"].map((field) => ({
        field,
        ...(field === "share" ? { format: ".4f" } : {}),
      })),
    },
  };
  whenSeen(place, () => draw(place, spec));
  const lines = hubs.map((hub) => [
    BY_HASH.get(hub.cell).way,
    String(hub.networks),
    percent(hub.degree[0] === 0 ? hub.count[0] / total(hub) : 0),
    String(hub.degree.at(-1)),
    number(hub.top),
    range(hub.low, hub.high),
    cellLink(hub.cell),
  ]);
  return make(
    "figure",
    {},
    make("figcaption", {}, make("h3", {}, `${direction}-links`), make("p", {}, sentence)),
    place,
    table(
      `${direction}-links in numbers`,
      [
        "method",
        "networks",
        "nodes without any",
        "most of a node",
        "share of links held by the top 5 % of nodes",
        "95 % interval",
        "cell",
      ],
      lines,
    ),
  );
}
