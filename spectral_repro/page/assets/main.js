"use strict";
// Which view is shown, and on which ground.

const VIEWS = {
  claims: showClaims,
  figures: showFigures,
  leaderboard: showLeaderboard,
  curves: showCurves,
  hubs: showHubs,
  rows: showRows,
};

function route(event) {
  const [view, ...rest] = location.hash.slice(1).split("/");
  const name = view in VIEWS ? view : PAGE.claims ? "claims" : "leaderboard";
  for (const link of document.querySelectorAll("header nav a"))
    link.toggleAttribute("aria-current", link.hash === `#${name}`);
  for (const link of document.querySelectorAll("header nav a[aria-current]")) link.setAttribute("aria-current", "page");
  document.querySelector("#vg-tooltip-element")?.classList.remove("visible"); // of a chart that goes
  const place = document.querySelector("main");
  VIEWS[name](place, rest.join("/"));
  place.dataset.view = location.hash.slice(1);
  document.title = `${place.querySelector("h2").textContent} – spectral_repro`;
  if (event) {
    window.scrollTo(0, 0);
    place.focus({ preventScroll: true }); // a screen reader goes on from the new view
    if (name === "claims") showClaim(rest[0]);
  }
}

const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const button = document.querySelector("#theme");

function setTheme(dark) {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  button.textContent = dark ? "Light" : "Dark";
  button.setAttribute("aria-label", dark ? "Switch to a light ground" : "Switch to a dark ground");
}

button.addEventListener("click", () => {
  setTheme(!isDark());
  route();
});
prefersDark.addEventListener("change", () => {
  setTheme(prefersDark.matches);
  route();
});
window.addEventListener("hashchange", route);

setTheme(prefersDark.matches);
const networksIn = (cells) => cells.reduce((sum, cell) => sum + cell.rows.length, 0);
const choosing = networksIn(CELLS) - CELLS.reduce((sum, c) => sum + (c.tuning ? 0 : c.results.length), 0);
document.querySelector("#extent").textContent =
  `${count(networksIn(CELLS))} networks in ${count(CELLS.length)} cells, from ${PAGE.results_dir}` +
  (choosing ? `; ${count(choosing)} of them only chose learning rates` : "");
route();
