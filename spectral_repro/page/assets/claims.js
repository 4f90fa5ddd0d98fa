"use strict";
// What the paper says, what would count as reproduced, and what came out.

function showClaims(place) {
  if (!PAGE.claims) {
    fill(
      place,
      make("h2", {}, "Claims"),
      make(
        "p",
        {},
        "No claim has been judged from these rows. ",
        make("code", {}, "spectral-repro-report"),
        " judges the claims of the paper and writes claims.json.",
      ),
    );
    return;
  }
  const cards = make("div", {});
  const show = (rates) =>
    fill(
      cards,
      summary(rates),
      PAGE.claims.map((claim) => claimCard(claim, rates)),
    );
  fill(
    place,
    make("h2", {}, "Claims of the paper"),
    make(
      "p",
      {},
      "Each claim stands with the paper's sentence, what we measure, and our rule: what would count as reproduced. ",
      "Published: the learning rates of the authors' code. Tuned: the rate that gave each method its best validation accuracy.",
    ),
    toggle(
      "Learning rates",
      [
        ["published", "published"],
        ["tuned", "tuned"],
      ],
      "published",
      show,
    ),
    cards,
  );
  show("published");
}

const verdictsOf = (claim, rates) => claim.verdicts.filter((verdict) => verdict.rates === rates);

function summary(rates) {
  const counts = new Map();
  for (const verdict of PAGE.claims.flatMap((claim) => verdictsOf(claim, rates)))
    counts.set(verdict.verdict, (counts.get(verdict.verdict) ?? 0) + 1);
  const told = [...counts].map(([verdict, n]) => `${verdict}: ${n}`).join("; ");
  return make(
    "p",
    { role: "status" },
    told ? `At ${rates} rates, claims figure by figure: ${told}.` : `No claim has been judged at ${rates} rates.`,
  );
}

function claimCard(claim, rates) {
  const verdicts = verdictsOf(claim, rates);
  const lines = verdicts.map((v) => [
    figureLink(v.figure),
    v.data,
    make("strong", {}, v.verdict),
    v.measured,
    String(v.n),
  ]);
  return make(
    "article",
    { class: "claim", id: `claim-${claim.number}` },
    make("h3", {}, `Claim ${claim.number}`),
    make("blockquote", {}, `“${claim.said}”`, make("footer", {}, claim.where)),
    make(
      "dl",
      {},
      make("dt", {}, "We measure"),
      make("dd", {}, claim.measures),
      make("dt", {}, "Reproduced if"),
      make("dd", {}, claim.rule),
      make("dt", {}, "But"),
      make("dd", {}, claim.caveat),
    ),
    verdicts.length
      ? table(`Claim ${claim.number} at ${rates} rates`, ["figure", "data", "verdict", "measured", "n"], lines)
      : make("p", { class: "none" }, `Not judged at ${rates} rates.`),
  );
}

/** To the figure of this page, if it is there. */
function figureLink(name) {
  const figure = PAGE.figures.find((f) => f.name === name || `${f.name}_tuned` === name);
  return figure ? make("a", { href: `#figures/${figure.name}` }, figure.title.split(":")[0]) : name;
}
