"use strict";
// Means, intervals and paired differences, as spectral_repro/results/statistics.py computes them.

const average = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;

/** Of values by seed: mean, the standard error of it, and how many there are. */
function mean(bySeed) {
  const list = [...bySeed.values()];
  const n = list.length;
  const value = average(list);
  const variance = list.reduce((sum, x) => sum + (x - value) ** 2, 0) / (n - 1);
  return { value, n, error: n > 1 ? Math.sqrt(variance / n) : NaN };
}

/** The 97.5 % quantile of Student's t: cubic interpolation of its logarithm over one over the degrees of freedom. */
function quantile(freedom) {
  const table = PAGE.quantiles;
  const at = (table.length - 1) / freedom;
  const first = Math.min(Math.max(Math.floor(at) - 1, 0), table.length - 4);
  let sum = 0;
  for (let i = first; i < first + 4; i += 1) {
    let weight = 1;
    for (let k = first; k < first + 4; k += 1) if (k !== i) weight *= (at - k) / (i - k);
    sum += weight * Math.log(table[i]);
  }
  return Math.exp(sum);
}

/** value ± t · error; not finite where the error is not known. */
function interval(value, error, freedom) {
  const half = Number.isFinite(error) ? quantile(freedom) * error : Infinity;
  return [value - half, value + half];
}

const meanInterval = ({ value, error, n }) => interval(value, error, n - 1);

/** mean(first) − mean(second) with its 95 % interval, paired where both have a seed. */
function difference(first, second) {
  const [a, b] = [mean(first), mean(second)];
  const value = a.value - b.value;
  const n = Math.min(a.n, b.n);
  const paired = [...first.keys()].filter((seed) => second.has(seed)).length;
  if (n < 2) return { value, low: -Infinity, high: Infinity, n, paired };
  const shares = new Map();
  const add = (values, { value: centre, n: size }, sign) => {
    for (const [seed, x] of values)
      shares.set(seed, (shares.get(seed) ?? 0) + (sign * (x - centre)) / Math.sqrt(size * (size - 1)));
  };
  add(first, a, 1);
  add(second, b, -1);
  const error = Math.sqrt([...shares.values()].reduce((sum, part) => sum + part ** 2, 0));
  const [of_a, of_b] = [a.error ** 2, b.error ** 2];
  const total = of_a + of_b;
  const freedom = total > 0 ? total / (of_a / (a.n - 1) + of_b / (b.n - 1)) : n - 1;
  const [low, high] = interval(value, error, freedom);
  return { value, low, high, n, paired };
}
