// The numbers of a language model: what is likely, and what is drawn.

const LN2 = Math.log(2);
const PHILOX_A = 0xd2511f53,
  PHILOX_B = 0xcd9e8d57;
const WEYL_A = 0x9e3779b9,
  WEYL_B = 0xbb67ae85;

/** log Σ exp(z). */
function logSumExp(values) {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

/** The high 32 bits of a product of two. */
function highProduct(a, b) {
  const aLow = a & 0xffff,
    aHigh = a >>> 16,
    bLow = b & 0xffff,
    bHigh = b >>> 16;
  const one = aHigh * bLow,
    other = aLow * bHigh;
  const middle = ((aLow * bLow) >>> 16) + (one & 0xffff) + (other & 0xffff);
  return (aHigh * bHigh + (one >>> 16) + (other >>> 16) + (middle >>> 16)) >>> 0;
}

/** Four random numbers of 32 bits: Philox 4x32-10 (Salmon et al., 2011) of a count and a key. */
function philox(count, keyLow, keyHigh) {
  let a = count >>> 0,
    b = Math.floor(count / 2 ** 32) >>> 0,
    c = 0,
    d = 0;
  for (let round = 0; round < 10; round += 1) {
    const highA = highProduct(PHILOX_A, a),
      lowA = Math.imul(PHILOX_A, a) >>> 0;
    const highC = highProduct(PHILOX_B, c),
      lowC = Math.imul(PHILOX_B, c) >>> 0;
    a = (highC ^ b ^ keyLow) >>> 0;
    b = lowC;
    c = (highA ^ d ^ keyHigh) >>> 0;
    d = lowA;
    keyLow = (keyLow + WEYL_A) >>> 0;
    keyHigh = (keyHigh + WEYL_B) >>> 0;
  }
  return [a, b, c, d];
}

/**
 * Standard Gumbel numbers for one step of a seed, the same as in the graph of `generate`: number v
 * of step t is number t · 4⌈V/4⌉ + v of the generator.
 */
function gumbelNoise(seed, step, numSymbols) {
  const key = BigInt.asUintN(64, seed);
  const low = Number(key & 0xffffffffn),
    high = Number(key >> 32n);
  const counts = Math.ceil(numSymbols / 4);
  const noise = new Float32Array(counts * 4);
  for (let count = 0; count < counts; count += 1) {
    philox(step * counts + count, low, high).forEach((bits, place) => {
      const u = Math.fround((bits & 0x7fffff) / 2 ** 23 + 2 ** -24);
      const inner = Math.fround(-Math.log(u));
      noise[count * 4 + place] = -Math.log(inner);
    });
  }
  return noise.subarray(0, numSymbols);
}

/** Ids from the most to the least probable, `count` of them; of equal ones the lower first. */
function likeliest(logits, count) {
  const order = (a, b) => logits[b] - logits[a] || a - b;
  if (count > 200) return Array.from(logits.keys()).sort(order).slice(0, count);
  const ids = [];
  for (let id = 0; id < logits.length; id += 1) {
    if (ids.length === count && !(logits[id] > logits[ids[count - 1]])) continue;
    let place = ids.length;
    while (place > 0 && logits[ids[place - 1]] < logits[id]) place -= 1;
    ids.splice(place, 0, id);
    ids.length = Math.min(ids.length, count);
  }
  return ids;
}

/**
 * Logits with the penalties of llama.cpp, for what is among the last tokens: z becomes z / r, or
 * z · r where it is negative, and then z − c f for a token that is c of them.
 */
function penalized(logits, ids, { repetition, frequency, window }) {
  if (!window || (repetition === 1 && frequency === 0)) return logits;
  const counts = new Map();
  for (const id of ids.slice(-window)) counts.set(id, (counts.get(id) ?? 0) + 1);
  const changed = logits.slice();
  for (const [id, count] of counts) {
    const z = logits[id] > 0 ? logits[id] / repetition : logits[id] * repetition;
    changed[id] = Math.fround(z) - count * frequency;
  }
  return changed;
}

/** The ids that top-k, then top-p, and min-p leave. */
function kept(logits, { temperature, topK, topP, minP }) {
  const ids = likeliest(logits, topK || logits.length).filter((id) => logits[id] > -Infinity);
  const divisor = temperature > 0 ? temperature : 1;
  const shares = ids.map((id) => Math.exp((logits[id] - logits[ids[0]]) / divisor));
  const likely = shares.filter((share) => share >= minP).length;
  if (topP >= 1) return ids.slice(0, likely);
  let sum = 0;
  const masses = shares.map((share) => (sum += share));
  const short = masses.filter((mass) => mass < topP * sum).length;
  return ids.slice(0, Math.min(likely, short + 1));
}

/** One id by the Gumbel-max trick: argmax of z + temperature · g; `forbidden` ids are not drawn. */
function draw(logits, settings, step, forbidden) {
  const allowed = logits.slice();
  for (const id of forbidden) allowed[id] = -Infinity;
  const all = settings.topK <= 0 && settings.topP >= 1 && settings.minP <= 0;
  const ids = all ? allowed.keys() : kept(allowed, settings);
  const cold = settings.temperature <= 0;
  const noise = cold ? null : gumbelNoise(settings.seed, step, logits.length);
  const scale = Math.fround(settings.temperature);
  let best = -1,
    most = -Infinity;
  for (const id of ids) {
    const value = cold ? allowed[id] : Math.fround(allowed[id] + Math.fround(scale * noise[id]));
    if (value > most || (value === most && id < best)) [best, most] = [id, value];
  }
  return best;
}

/** What the model thought of a token: log probability, place among all, and the likeliest. */
function opinion(logits, id, count = 12) {
  const normalizer = logSumExp(logits);
  let rank = 1;
  for (const value of logits) if (value > logits[id]) rank += 1;
  const best = likeliest(logits, count);
  return {
    logp: logits[id] - normalizer,
    rank,
    best: best.map((other) => ({ id: other, logp: logits[other] - normalizer })),
  };
}

const bitsOf = (logp) => Math.max(0, -logp / LN2);

function perplexityOf(logps) {
  const sum = logps.reduce((total, logp) => total + logp, 0);
  return logps.length ? Math.exp(-sum / logps.length) : 1;
}

/** A number with about three digits, as a person reads it. */
function shown(number, digits = 3) {
  const size = Math.abs(number);
  if (size >= 1e6) return number.toExponential(2).replace("-", "−");
  const text =
    size >= 10 ** digits
      ? number.toFixed(0)
      : String(Number(Number(number.toPrecision(digits)).toFixed(4)));
  return text.replace("-", "−");
}

function percent(share) {
  if (share > 0 && share < 0.001) return "< 0.1 %";
  return `${(100 * share).toFixed(share < 0.1 || share > 0.99 ? 1 : 0)} %`;
}
