// The views of a text classifier and of a tagger.

// A text is read this long after its last key.
const PAUSE = 350;

/** A box whose text is answered as it is typed; a subclass shows the answers. */
class TypedView {
  constructor(model, { title, label, placeholder, split }) {
    this.model = model;
    this.title = title;
    this.box = textBox(label, { key: `${model.name} text`, rows: 5, placeholder });
    this.each = make("input", { type: "checkbox", onchange: () => this.soon(0) });
    this.main = button(title, () => this.soon(0), { class: "primary" });
    this.work = new Work((busy) => this.result.setAttribute("aria-busy", String(busy)));
    this.result = make("div", { class: "answers" });
    this.box.area.addEventListener("input", () => this.soon(PAUSE));
    const check = split
      ? make("label", { class: "check" }, this.each, "Treat each line as a separate text")
      : null;
    this.element = make(
      "div",
      {},
      make(
        "section",
        { class: "card" },
        this.box.element,
        make("div", { class: "row" }, this.main, check),
      ),
      this.result,
    );
    if (this.box.area.value) this.soon(0);
  }

  soon(pause) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.answer(), pause);
  }

  answer() {
    const text = this.box.area.value;
    const texts = (this.each.checked ? text.split("\n") : [text]).filter((line) => line.trim());
    return this.work.run(async (signal) => {
      const answers = [];
      for (let first = 0; first < texts.length; first += MOST_ROWS) {
        const some = texts.slice(first, first + MOST_ROWS);
        const outputs = await this.model.predict("serving_default", { text: some }, signal);
        some.forEach((one, row) => {
          const answer = { text: one };
          for (const [name, values] of Object.entries(outputs)) answer[name] = values[row];
          answers.push(answer);
        });
      }
      this.result.replaceChildren(...this.show(answers));
      if (answers.length) say(this.spoken(answers));
    });
  }
}

function warningOf({ warning }) {
  return warning ? make("p", { class: "note" }, warning) : null;
}

/** Labels with bars. */
class LabelsView extends TypedView {
  constructor(model) {
    super(model, {
      title: "Classify",
      label: "Your text",
      placeholder: "Type or paste a text.",
      split: true,
    });
  }

  show(answers) {
    return answers.map((answer) => {
      const lines = answer.labels.map((label, place) =>
        barLine(label, answer.scores[place], { current: place === 0 }),
      );
      const title =
        answers.length > 1 ? make("h2", { dir: "auto", class: "quoted" }, answer.text) : null;
      return make("section", { class: "card labels" }, title, warningOf(answer), ...lines);
    });
  }

  spoken([{ labels, scores }]) {
    return `${labels[0]}, ${percent(scores[0])}`;
  }
}

/** Tags as spans in the text: `B-X` and `I-X` are one span X. */
class TagsView extends TypedView {
  constructor(model) {
    super(model, {
      title: "Tag",
      label: "Your text, with spaces between tokens",
      placeholder: "Type or paste a text.",
    });
  }

  show(answers) {
    // Spans stand by themselves, so that their text tells nothing of the direction of the whole.
    const { direction } = getComputedStyle(this.box.area);
    return answers.flatMap((answer) => {
      const spans = spansOf(answer);
      const kinds = [...new Set(spans.map(({ kind }) => kind).filter(Boolean))];
      const colour = (kind) => kinds.indexOf(kind) % 6;
      const parts = spans.flatMap((span) => [this.span(span, colour(span.kind)), span.after]);
      const legend = make(
        "ul",
        { class: "legend" },
        ...kinds.map((kind) =>
          make(
            "li",
            { class: `c${colour(kind)}` },
            make("bdi", {}, kind),
            ` ${spans.filter((span) => span.kind === kind).length}`,
          ),
        ),
      );
      return [
        make(
          "section",
          { class: "card" },
          warningOf(answer),
          legend,
          make("div", { class: "tagged", dir: direction }, ...parts),
          make("details", {}, make("summary", {}, "Every token"), this.table(answer)),
        ),
      ];
    });
  }

  span({ kind, text, score }, colour) {
    if (!kind) return text;
    const label = `${kind}, ${percent(score)}`;
    const name = make("small", {}, kind);
    return make(
      "mark",
      { class: `c${colour} ${score < 0.6 ? "unsure" : ""}`, title: label },
      text,
      name,
    );
  }

  table({ tokens, tags, scores, num_tokens: count }) {
    const rows = tokens
      .slice(0, count)
      .map((token, place) =>
        make(
          "tr",
          {},
          make("td", {}, make("bdi", {}, token)),
          make("td", {}, tags[place]),
          make("td", { class: "n" }, percent(scores[place])),
        ),
      );
    const head = ["Token", "Tag", "Probability"].map((name) => make("th", { scope: "col" }, name));
    return make(
      "div",
      { class: "scroll" },
      make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)),
    );
  }

  spoken([answer]) {
    const spans = spansOf(answer).filter(({ kind }) => kind);
    return `${spans.length} spans: ${spans
      .slice(0, 5)
      .map(({ kind, text }) => `${text}, ${kind}`)
      .join("; ")}`;
  }
}

/**
 * Pieces of the text, `{ kind, text, score, after }`: kind is null outside of spans, the score is
 * that of the least certain token, and `after` is what stands before the next piece.
 */
function spansOf({ text, tokens, tags, scores, num_tokens: count }) {
  const spans = [];
  let place = 0,
    before = "";
  for (let index = 0; index < count; index += 1) {
    const [, prefix, kind] = /^(?:([BIESLU])-)?(.*)$/su.exec(tags[index]);
    const found = text.indexOf(tokens[index], place);
    const space = found < 0 ? " " : text.slice(place, found);
    if (found >= 0) place = found + tokens[index].length;
    const last = spans.at(-1);
    const outside = tags[index] === "O";
    const goesOn =
      last &&
      (outside
        ? last.kind === null
        : last.kind === kind && (prefix === "I" || prefix === "E" || prefix === "L"));
    if (goesOn) {
      last.text += space + tokens[index];
      last.score = Math.min(last.score, scores[index]);
      continue;
    }
    if (last) last.after = space;
    else before = space;
    spans.push({
      kind: outside ? null : kind,
      text: tokens[index],
      score: scores[index],
      after: "",
    });
  }
  if (spans.length) spans.at(-1).after = text.slice(place);
  return before ? [{ kind: null, text: before, score: 1, after: "" }, ...spans] : spans;
}
