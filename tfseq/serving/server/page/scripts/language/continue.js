// The view of a language model that continues a prompt, live.

class ContinueView {
  constructor(model) {
    this.model = model;
    this.title = "Write";
    this.writer = new Writer(model);
    this.strongest = Math.log2(this.writer.numSymbols);
    this.settings = new SamplingSettings(model, () => this.note && this.say(""));
    this.kept = `${model.name} text`;
    const nothing = { prompt: null, tokens: [], start: 0 };
    const { version, ...kept } = memory.read(this.kept, nothing);
    // Another version may have other tokens.
    const foreign = kept.tokens.length > 0 && version !== model.version;
    this.history = new TextStates({ ...kept, foreign });
    this.text = new TokenText("The text", this.strongest, (index, span) => this.ask(index, span));
    this.likely = new Likely();
    this.work = new Work((busy) => this.refresh(busy));
    this.prompt = textBox("Prompt", { key: `${model.name} prompt`, rows: 3, initial: "The " });
    this.prompt.area.addEventListener("input", () => this.refresh(this.work.busy));
    this.prompt.area.addEventListener("keydown", (event) => {
      if (isStart(event)) this.press();
    });
    this.main = button("Write", () => this.press(), { class: "primary" });
    this.another = button("Another", () => this.writeAnother(), {
      title: "Start over from the prompt with the next seed",
    });
    this.back = button("↶", () => this.move(-1), {
      title: "Back to the previous text",
      "aria-label": "Back",
    });
    this.forth = button("↷", () => this.move(1), {
      title: "Forward again",
      "aria-label": "Forward",
    });
    this.copy = button("Copy", () => this.copyText(), { class: "quiet" });
    this.count = make("p", { class: "soft count" });
    this.note = make("p", { class: "note", hidden: true });
    this.element = make(
      "div",
      { class: "columns", onkeydown: (event) => event.key === "Escape" && this.work.stop() },
      make(
        "div",
        {},
        make(
          "section",
          { class: "card" },
          this.prompt.element,
          make("div", { class: "row" }, this.main, this.another, this.back, this.forth),
        ),
        make(
          "section",
          { class: "card paper" },
          heatKey(this.strongest),
          this.text.element,
          this.note,
          make("div", { class: "foot" }, this.count, this.copy),
          this.likely.element,
        ),
      ),
      this.settings.element,
    );
    this.refresh(false);
    if (foreign) this.work.run((signal) => this.writer.adopt(this.history.now, signal));
  }

  /** The prompt is one in all views. */
  entered() {
    const prompt = memory.read(`${this.model.name} prompt`, this.prompt.area.value);
    if (prompt !== this.prompt.area.value) this.setPrompt(prompt);
  }

  /** Show the state as it is. */
  refresh(busy) {
    const { tokens, start, prompt } = this.history.now;
    this.text.show(tokens, start);
    const goesOn = tokens.length > 0 && prompt === this.prompt.area.value && !tokens.at(-1).ends;
    this.main.textContent = busy ? "Stop" : goesOn ? "Continue" : "Write";
    this.main.classList.toggle("stop", busy);
    this.another.disabled = prompt === null;
    this.back.disabled = this.history.place === 0;
    this.forth.disabled = this.history.place === this.history.states.length - 1;
    this.copy.hidden = !tokens.length;
    const logps = tokens
      .slice(start)
      .filter(({ logp }) => logp != null)
      .map(({ logp }) => logp);
    if (!busy || logps.length)
      this.count.textContent = countedText(logps, this.history.now, this.speed);
    this.element.classList.toggle("busy", busy);
    if (!busy) this.keep();
  }

  press() {
    if (this.work.busy) return this.work.stop();
    const { tokens, prompt } = this.history.now;
    if (prompt === this.prompt.area.value && tokens.length && !tokens.at(-1).ends) this.goOn();
    else this.begin();
  }

  writeAnother() {
    this.settings.reseed(this.settings.value.seed + 1n);
    this.begin();
  }

  begin() {
    const prompt = this.prompt.area.value;
    this.start(async (signal) => {
      const now = this.history.now;
      // The same prompt was read before.
      const read = now.prompt === prompt && textOf(now.tokens.slice(0, now.start)) === prompt;
      const { text, warning } = read ? now : await this.writer.bounded(prompt, signal);
      const tokens = read ? now.tokens.slice(0, now.start) : await this.writer.split(text, signal);
      this.history.add({ prompt, tokens, start: tokens.length, warning });
    });
  }

  goOn() {
    const { tokens, ...others } = this.history.now;
    this.start(() => this.history.add({ ...others, tokens: [...tokens] }));
  }

  /** Write what `prepare(signal)` has made ready; where that fails, trying again goes on from there. */
  start(prepare) {
    const job = { ready: false, left: null };
    this.work.run(async (signal) => {
      if (!job.ready) await prepare(signal);
      job.ready = true;
      await this.writer.learn(signal);
      if (!this.history.now.tokens.at(-1)?.ends) await this.write(job, signal);
    });
  }

  async write(job, signal) {
    this.likely.close();
    this.say(this.history.now.warning ?? "");
    if (this.history.now.foreign) await this.writer.adopt(this.history.now, signal);
    const { length, ...settings } = this.settings.value;
    if (this.settings.atOnce.checked) await this.writeAtOnce(length, settings, signal);
    else {
      job.left ??= length;
      await this.writeLive(job, settings, signal);
    }
    say(`Written. ${this.count.textContent}`);
  }

  async writeLive(job, settings, signal) {
    const { tokens, start } = this.history.now;
    this.refresh(true);
    this.copy.parentElement.scrollIntoView({ block: "nearest" });
    if (tokens.length) {
      await this.writer.read(tokens, tokens.length - 1, signal, (read, all) => {
        if (all > 1) this.count.textContent = `Reading the prompt, ${read} of ${all}`;
        if (read % 8 === 0) this.text.show(tokens, start);
      });
    }
    const since = performance.now(),
      first = job.left;
    while (job.left > 0) {
      const token = await this.writer.draw(tokens, settings, tokens.length - start, signal);
      tokens.push(token);
      try {
        if (!token.ends) await this.writer.spell(tokens, start, tokens.length - 1 - start, signal);
      } catch (error) {
        // What cannot be shown was not written.
        tokens.pop();
        throw error;
      }
      job.left -= 1;
      this.speed = (1000 * (first - job.left)) / (performance.now() - since);
      // The text is followed, unless the person has gone up in it.
      const seen = this.copy.parentElement.getBoundingClientRect().bottom <= innerHeight + 8;
      this.refresh(true);
      if (seen) this.copy.parentElement.scrollIntoView({ block: "nearest" });
      if (cutAtStop(tokens, start, settings.stop)) return;
      if (token.ends) break;
    }
    await this.writer.settle(tokens, start, signal);
    this.text.show(tokens, start);
  }

  async writeAtOnce(length, settings, signal) {
    const state = this.history.now;
    const prompt = [textOf(state.tokens)];
    const inputs = { ...settingsOfRow(settings, length), prompt };
    const controlled = this.settings.controls && this.model.has("generate_controlled");
    const answer = controlled
      ? await this.model.predict(
          "generate_controlled",
          { ...inputs, ...controlsOfRow(settings) },
          signal,
        )
      : await this.model.predict("generate", inputs, signal);
    const [text] = answer.text;
    await this.writer.adopt(state, signal, text, prompt[0].length);
    if (answer.ended?.[0])
      state.tokens.push({ id: this.writer.end, text: "", ends: true, logp: null });
    this.speed = 0;
    const without = this.settings.controls && !controlled;
    const said = [state.warning, answer.warning[0]].filter(Boolean);
    if (without) said.push("To use “More control” all at once, export the model again.");
    this.say(said.join(" "));
  }

  /** Show what was likely in a place, and go on from there with what a person chooses. */
  async ask(index, span) {
    const state = this.history.now;
    if (state.foreign) return this.work.run((signal) => this.writer.adopt(state, signal));
    const { tokens } = state;
    const token = tokens[index];
    if (!token.best && index > 0) {
      await this.work.run((signal) => this.writer.read(tokens, index - 1, signal));
      if (!token.best && tokens[index - 1].logits) {
        Object.assign(token, opinion(tokens[index - 1].logits, token.id));
      }
    }
    if (!token.best) {
      return this.likely.open(span, visible(token.text), [
        make("p", { class: "soft" }, "Nothing comes before the first token."),
      ]);
    }
    let best, texts;
    try {
      await this.writer.learn();
      best = token.best.filter(({ id }) => !this.writer.forbidden.includes(id));
      texts = await this.writer.pieces.each(best.map(({ id }) => id));
    } catch (error) {
      return trouble(error);
    }
    const lines = best.map(({ id, logp }, place) => {
      const name = id === this.writer.end ? "end of the text" : visible(texts[place]);
      const onclick = () =>
        this.pick(state, index, { id, logp, rank: place + 1, best: token.best, text: "" });
      const label = `${name}, ${percent(Math.exp(logp))}: continue with it`;
      return barLine(name, Math.exp(logp), { onclick, current: id === token.id, label });
    });
    const title = likelyTitle(token, `, rank ${token.rank} of ${this.writer.numSymbols}`);
    const hint = make("p", { class: "soft" }, "Choose one to continue from here.");
    return this.likely.open(span, title, [...lines, hint]);
  }

  pick(state, index, token) {
    this.likely.close(true);
    const start = Math.min(state.start, index);
    const tokens = [...state.tokens.slice(0, index), token];
    token.ends = token.id === this.writer.end && this.writer.end !== null;
    this.start(async (signal) => {
      if (!token.ends) await this.writer.spell(tokens, start, index - start, signal);
      this.history.add({ prompt: state.prompt, tokens, start });
    });
  }

  move(by) {
    this.work.stop();
    this.likely.close();
    this.history.move(by);
    const { prompt } = this.history.now;
    if (prompt !== null) this.setPrompt(prompt);
    this.refresh(false);
  }

  setPrompt(prompt) {
    this.prompt.area.value = prompt;
    this.prompt.area.dispatchEvent(new Event("input"));
  }

  say(text) {
    this.note.textContent = text;
    this.note.hidden = !text;
  }

  async copyText() {
    const text = textOf(this.history.now.tokens);
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      getSelection().selectAllChildren(this.text.element);
    }
  }

  keep() {
    const { prompt, tokens, start, foreign } = this.history.now;
    const version = foreign ? null : this.model.version;
    memory.write(this.kept, { version, prompt, tokens: withoutStates(tokens), start });
  }
}
