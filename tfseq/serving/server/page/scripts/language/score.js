// The view of a language model that scores a text of one's own.

// Characters beside a surprising token, and as many tokens at most.
const NUM_SHOWN = 40;

class ScoreView {
  constructor(model, writing) {
    this.model = model;
    this.writing = writing;
    this.title = "Score a text";
    this.pieces = new Pieces(model);
    const symbols = model.has("step") ? model.shape("step", "outputs", "logits").at(-1) : 1024;
    this.strongest = Math.log2(symbols);
    this.box = textBox("Your text", {
      key: `${model.name} scored`,
      rows: 7,
      placeholder: "Paste a text here.",
    });
    this.form = new Form("Score", (signal) => this.score(signal), [this.box.element]);
    this.likely = new Likely();
    this.text = new TokenText("The scored text", this.strongest, (index, span) =>
      this.ask(index, span),
    );
    this.numbers = make("dl", { class: "numbers" });
    this.note = make("p", { class: "note", hidden: true });
    this.places = make("ol", { class: "places" });
    this.result = make(
      "div",
      { hidden: true },
      make(
        "section",
        { class: "card paper" },
        this.numbers,
        this.note,
        heatKey(this.strongest),
        this.text.element,
        this.likely.element,
      ),
      make("section", { class: "card" }, make("h2", {}, "Most surprising"), this.places),
    );
    this.element = this.form.above(this.result);
  }

  async score(signal) {
    const text = this.box.area.value;
    const [answer, { ids, begin_id: begin }] = await Promise.all([
      this.model.predict("score", { text: [text] }, signal),
      this.pieces.encode(text, signal),
    ]);
    const texts = await this.pieces.align(text, ids, signal);
    if (answer.warning[0] && ids.length) {
      // The model has not read the rest, which is no part of its last token.
      const [last] = await this.pieces.each(ids.slice(-1), signal);
      const place = texts.at(-1).indexOf(last);
      texts.push(texts.pop().slice(0, place < 0 ? 0 : place + last.length));
    }
    const logps = answer.token_log_probabilities[0];
    // A text's first token is given, unless the text is a document.
    const shift = begin ? 0 : 1;
    const tokens = ids.map((id, place) => ({
      id,
      text: texts[place],
      logp: logps[place - shift] ?? null,
    }));
    this.show(tokens, answer);
  }

  show(tokens, answer) {
    const perplexity = answer.perplexity[0],
      count = answer.num_tokens[0];
    const bits = Math.log2(perplexity);
    const facts = [
      ["Perplexity", shown(perplexity, 4)],
      ["Bits per token", shown(bits)],
      ["Tokens counted", String(count)],
      ["Log probability", shown(answer.log_probability[0], 6)],
    ];
    this.numbers.replaceChildren(
      ...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))),
    );
    this.note.textContent =
      answer.warning[0] ||
      (count ? "" : "There is nothing to score: the first token is taken as given.");
    this.note.hidden = !this.note.textContent;
    this.likely.close();
    this.text.show(tokens, 0);
    this.showPlaces(tokens);
    this.result.hidden = false;
    say(`Perplexity ${shown(perplexity, 4)}.`);
  }

  showPlaces(tokens) {
    const counted = [...tokens.keys()].filter(
      (index) => tokens[index].logp != null && tokens[index].text,
    );
    const worst = counted.sort((a, b) => tokens[a].logp - tokens[b].logp).slice(0, 6);
    this.places.replaceChildren(
      ...worst.map((index) => {
        const word = make("mark", {}, visible(tokens[index].text));
        const label = make(
          "bdi",
          {},
          endOf(textOf(tokens.slice(Math.max(0, index - NUM_SHOWN), index))),
          word,
          beginOf(textOf(tokens.slice(index + 1, index + 1 + NUM_SHOWN))),
        );
        const bits = make("span", { class: "soft" }, `${shown(bitsOf(tokens[index].logp))} bits`);
        return make(
          "li",
          {},
          fill(
            button("", () => this.go(index), { class: "place" }),
            {},
            [label, bits],
          ),
        );
      }),
    );
  }

  go(index) {
    this.text.enter(index, true);
    this.text.spans[index].scrollIntoView({ block: "center" });
    this.ask(index, this.text.spans[index]);
  }

  /** What the model would have expected. */
  ask(index, span) {
    const { tokens } = this.text;
    const before = tokens
      .slice(0, index)
      .map(({ text }) => text)
      .join("");
    return this.form.work.run(async (signal) => {
      const answer = await this.model.predict("next_token", { prompt: [before] }, signal);
      const lines = answer.tokens[0].map((name, place) => {
        const share = answer.probabilities[0][place];
        return barLine(visible(name), share, {
          current: name === tokens[index].text.trim() || name === tokens[index].text,
        });
      });
      const title = likelyTitle(tokens[index]);
      const on = this.writing
        ? button("Continue from here", () => {
            this.writing.setPrompt(before);
            this.leave(this.writing);
          })
        : null;
      this.likely.open(span, title, on ? [...lines, on] : lines);
    });
  }
}

/** The last words of a text, in one line. */
function endOf(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length < NUM_SHOWN ? line : `…${line.slice(-NUM_SHOWN).replace(/^\S* (?=.)/, "")}`;
}

/** The first words of a text, in one line. */
function beginOf(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length < NUM_SHOWN / 2
    ? line
    : `${line.slice(0, NUM_SHOWN / 2).replace(/(?<=.) \S*$/, "")}…`;
}
