// A series and its forecast, drawn.

const CHART = { height: 250, left: 58, right: 8, top: 12, bottom: 26 };

/** Round numbers that cover a range. */
function ticksOf(low, high, count = 4) {
  const rough = (high - low) / count || 1;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((times) => times * size).find((one) => one >= rough);
  const ticks = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step)
    ticks.push(Number(at.toPrecision(12)));
  return ticks;
}

function lineOf(points) {
  let path = "",
    pen = false;
  for (const [x, y] of points) {
    if (!Number.isFinite(y)) pen = false;
    else {
      path += `${pen ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = true;
    }
  }
  return path;
}

/**
 * An SVG of `past` and `next` values, so many pixels wide. A pointer or an arrow key reads them;
 * `labels` are names of the past steps, where they have names.
 */
function seriesChart(name, past, next, labels, width) {
  const { height, left, right, top, bottom } = CHART;
  const all = [...past, ...next];
  const finite = all.filter(Number.isFinite);
  let [low, high] = [Math.min(...finite), Math.max(...finite)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  [low, high] = [low - room, high + room];
  const x = (place) => left + ((width - left - right) * (place + 0.5)) / all.length;
  const y = (value) => top + ((height - top - bottom) * (high - value)) / (high - low);
  const parts = [];
  for (const tick of ticksOf(low, high)) {
    parts.push(
      draws("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }),
    );
    parts.push(
      draws("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, plainNumber(tick)),
    );
  }
  const now = left + ((width - left - right) * past.length) / all.length;
  parts.push(
    draws("rect", {
      class: "ahead",
      x: now,
      y: top,
      width: width - right - now,
      height: height - top - bottom,
    }),
  );
  for (const tick of ticksOf(-past.length, next.length, width / 110)) {
    const place = past.length - 1 + tick;
    if (!Number.isInteger(tick) || place < 0 || place >= all.length) continue;
    parts.push(
      draws(
        "text",
        { x: x(place), y: height - 8, "text-anchor": "middle" },
        tick > 0 ? `+${tick}` : tick === 0 ? "now" : `−${-tick}`,
      ),
    );
  }
  const at = all.map((value, place) => [x(place), y(value)]);
  // The last known value, from which the forecast goes on.
  let last = past.length - 1;
  while (last >= 0 && !Number.isFinite(past[last])) last -= 1;
  parts.push(draws("path", { class: "past", d: lineOf(at.slice(0, past.length)) }));
  parts.push(
    draws("path", {
      class: "next",
      d: lineOf([...(last >= 0 ? [at[last]] : []), ...at.slice(past.length)]),
    }),
  );
  const rule = draws("line", { class: "rule", y1: top, y2: height - bottom, visibility: "hidden" });
  const dot = draws("circle", { class: "dot", r: 4.5, visibility: "hidden" });
  const summary = `${name}: ${past.length} values, then a forecast of ${next.length}`;
  const svg = draws(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", tabindex: "0", "aria-label": summary },
    ...parts,
    rule,
    dot,
  );
  const read = make("output", { class: "soft" }, "");
  let here = past.length;
  const show = (place) => {
    here = Math.max(0, Math.min(all.length - 1, place));
    for (const [key, value] of [
      ["x1", x(here)],
      ["x2", x(here)],
      ["visibility", "visible"],
    ])
      rule.setAttribute(key, value);
    const known = Number.isFinite(all[here]);
    dot.setAttribute("visibility", known ? "visible" : "hidden");
    if (known) fill(dot, { cx: x(here), cy: y(all[here]) }, []);
    const step = here - past.length + 1;
    const when =
      step > 0 ? `+${step}, forecast` : labels?.[here] || (step === 0 ? "now" : `−${-step}`);
    read.textContent = `${when}: ${known ? plainNumber(all[here]) : "missing"}`;
  };
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const across = ((event.clientX - box.left) / box.width) * width;
    show(Math.floor(((across - left) / (width - left - right)) * all.length));
  });
  svg.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    show(here + by);
  });
  return make(
    "figure",
    { class: "chart" },
    make("figcaption", {}, make("b", {}, make("bdi", {}, name)), read),
    svg,
  );
}

/** A number with the decimals that numbers of size `like` need, all of them where `fixed`. */
function plainNumber(value, like = value, fixed = false) {
  const size = Math.abs(like);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(2).replace("-", "−");
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 4;
  const format = { maximumFractionDigits: digits, minimumFractionDigits: fixed ? digits : 0 };
  return value.toLocaleString("en", format).replace("-", "−");
}
