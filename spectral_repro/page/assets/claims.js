"use strict";
// What the paper says, what would count as reproduced, and what came out.

const RATES = ["published", "tuned"];

function showClaims(place, number) {
  if (!PAGE.claims) {
    fill(
      place,
      make("h2", {}, "Claims"),
      story(),
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
      PAGE.claims.map((claim) => claimCard(claim, rates)),
    );
  fill(
    place,
    make("h2", {}, PAGE.story.length ? "What came out" : "Claims of the paper"),
    story(),
    make(
      "p",
      {},
      "Spectral trains eigenvalues; S-SVD singular values of the eigenvectors, too; S-QR a triangular factor of them, too. ",
      "Published rates are the learning rates of the authors' code. Tuned: the rate that gave each method its best validation accuracy.",
    ),
    overview(),
    toggle(
      "Verdicts below at learning rates",
      RATES.map((rates) => [rates, rates]),
      "published",
      show,
    ),
    cards,
  );
  show("published");
  showClaim(number);
}

/** The paragraphs that README and report begin with; what is bold in Markdown is bold here. */
function story() {
  const text = (paragraph) => paragraph.split("**").map((part, i) => (i % 2 ? make("strong", {}, part) : part));
  if (!PAGE.story.length) return null;
  const paragraphs = PAGE.story.map((paragraph) => make("p", {}, text(paragraph)));
  return [make("section", { class: "story" }, paragraphs), make("h3", {}, "The paper's claims")];
}

const showClaim = (number) => document.getElementById(`claim-${number}`)?.scrollIntoView();

const verdictsOf = (claim, rates) => claim.verdicts.filter((verdict) => verdict.rates === rates);

/** One line a claim: how often each verdict, at either kind of rates. */
function overview() {
  const told = (claim, rates) => {
    const counts = new Map();
    for (const { verdict } of verdictsOf(claim, rates)) counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    const several = [...counts.values()].reduce((a, b) => a + b, 0) > 1;
    return [...counts].map(([verdict, n]) => (several ? `${verdict}: ${n}` : verdict)).join("; ") || "not judged";
  };
  const lines = PAGE.claims.map((claim) => [
    make("a", { href: `#claims/${claim.number}` }, claim.number),
    `“${claim.said}”`,
    ...RATES.map((rates) => told(claim, rates)),
  ]);
  const headers = ["claim", "the paper", "published rates", "tuned rates"];
  return make(
    "div",
    { class: "overview" },
    table("Verdicts; where several figures decide a claim, how many", headers, lines),
  );
}

function claimCard(claim, rates) {
  const verdicts = verdictsOf(claim, rates).map((v) =>
    make(
      "li",
      {},
      make("strong", {}, v.verdict),
      " (",
      figureLink(v.figure),
      `, ${PAGE.labels[v.data] ?? v.data}, n = ${v.n}): ${v.measured}`,
    ),
  );
  const said = verdicts.length ? make("ul", { class: "verdicts" }, verdicts) : `not judged at ${rates} rates`;
  return make(
    "article",
    { class: "claim", id: `claim-${claim.number}` },
    make("h3", {}, `Claim ${claim.number}`),
    make("blockquote", {}, `“${claim.said}”`, make("footer", {}, claim.where)),
    make(
      "dl",
      {},
      ...[
        "We measure",
        claim.measures,
        "Reproduced if (our rule)",
        claim.rule,
        `At ${rates} rates`,
        said,
        claim.caveat.includes("tuned rates") ? "Caveat" : "Caveat (published rates)",
        claim.caveat,
      ].map((value, i) => make(i % 2 ? "dd" : "dt", {}, value)),
    ),
  );
}

/** To the figure of this page, if it is there; hubs have a view of their own. */
function figureLink(name) {
  if (name === "findings") return "networks of no figure";
  if (name === "hubs") return make("a", { href: "#hubs" }, "Hubs");
  const figure = PAGE.figures.find((f) => f.name === name || `${f.name}_tuned` === name);
  return figure ? make("a", { href: `#figures/${figure.name}` }, figure.title.split(":")[0]) : name;
}
