// The view of a language model that searches the likeliest continuations.

class SearchView {
  constructor(model, writing) {
    this.model = model;
    this.writing = writing;
    this.title = "Beam search";
    this.size = model.shape("beam_search", "outputs", "texts").at(-1);
    this.prompt = textBox("Prompt", { key: `${model.name} prompt`, rows: 3, initial: "The " });
    this.length = slider(
      {
        label: "Tokens",
        from: 1,
        to: 200,
        step: 1,
        most: 100000,
        initial: memory.read(`${model.name} beam`, 40),
        help: "How long each continuation is.",
      },
      () => memory.write(`${model.name} beam`, this.length.value()),
    );
    this.form = new Form("Search", (signal) => this.search(signal), [
      this.prompt.element,
      this.length.element,
    ]);
    this.list = make("ol", { class: "found" });
    this.note = make("p", { class: "note", hidden: true });
    this.result = make(
      "section",
      { class: "card", hidden: true },
      make("h2", {}, `The ${this.size} most likely found`),
      this.note,
      this.list,
    );
    this.element = this.form.above(this.result);
  }

  /** The prompt is one in all views. */
  entered() {
    this.prompt.area.value = memory.read(`${this.model.name} prompt`, this.prompt.area.value);
  }

  async search(signal) {
    const prompt = this.prompt.area.value,
      length = Math.round(this.length.value());
    const inputs = { prompt: [prompt], max_new_tokens: [length] };
    const answer = await this.model.predict("beam_search", inputs, signal);
    // Fewer than asked for where there are no more.
    const scores = answer.log_probabilities[0].filter((score) => score > -Infinity);
    this.show(prompt, answer.texts[0].slice(0, scores.length), scores);
    this.note.textContent = answer.warning[0];
    this.note.hidden = !answer.warning[0];
    say(`${scores.length} continuations found.`);
  }

  show(prompt, texts, scores) {
    // Shares among those that were found.
    const normalizer = logSumExp(scores);
    const items = texts.map((text, place) => {
      const same = commonLength(prompt, text);
      const share = percent(Math.exp(scores[place] - normalizer));
      const words = `log probability ${shown(scores[place], 5)} · ${share} of these ${texts.length}`;
      return make(
        "li",
        {},
        make(
          "p",
          { class: "tokens", dir: "auto" },
          make("span", { class: "given" }, text.slice(0, same)),
          make("span", {}, text.slice(same).trimEnd()),
        ),
        make(
          "p",
          { class: "row soft" },
          make("span", { class: "score" }, words),
          this.writing ? button("Continue this", () => this.take(text), { class: "quiet" }) : null,
        ),
      );
    });
    this.list.replaceChildren(...items);
    this.result.hidden = false;
  }

  take(text) {
    this.writing.setPrompt(text);
    this.leave(this.writing);
  }
}
