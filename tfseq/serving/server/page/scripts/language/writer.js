// A language model one token at a time: the page holds its states, and draws.

// Bytes of UTF-8, each of which may be a token.
const MOST_OF_CHARACTER = 4;

/**
 * A token is `{ id, text }`; `{ logp, rank, best }`, what the model thought of it, null for a first
 * token that nothing comes before; and, where it was read, the model's `states` and `logits` after
 * it. Logits are kept for the last token alone, and states are read again where they are missing.
 */
class Writer {
  constructor(model) {
    this.model = model;
    this.pieces = new Pieces(model);
    this.states = model.names("step", "inputs").filter((name) => name !== "token_ids");
    this.numSymbols = model.shape("step", "outputs", "logits").at(-1);
    // Beside the tokens that a document begins and ends with.
    this.isText = ({ id, ends }) => !ends && id !== this.begin;
  }

  /** The part of a prompt that the model reads, its end, and what the server says if it is short. */
  async bounded(prompt, signal) {
    if (!prompt || !this.model.has("generate")) return { text: prompt };
    const settings = { temperature: 0, topK: 0, topP: 1, seed: 0n };
    const inputs = { ...settingsOfRow(settings, 0), prompt: [prompt] };
    const { warning } = await this.model.predict("generate", inputs, signal);
    return { text: endWithin(prompt, warning[0]), warning: warning[0] };
  }

  /** The tokens of a prompt, not read yet. */
  async split(prompt, signal) {
    const { ids } = await this.encode(prompt, signal);
    const texts = await this.pieces.align(prompt, ids, signal);
    const tokens = ids.map((id, place) => ({ id, text: texts[place] }));
    // A document begins with a token that is no text.
    if (this.begin !== null) tokens.unshift({ id: this.begin, text: "" });
    return tokens;
  }

  /**
   * Find out, once, which tokens begin and end a document, and which are never written. To go on
   * with a text that the browser has kept, no prompt is read that would tell.
   */
  async learn(signal) {
    if (!this.forbidden) await this.encode("", signal);
  }

  async encode(text, signal) {
    const encoded = await this.pieces.encode(text, signal);
    this.begin = encoded.begin_id?.[0] ?? null;
    this.end = encoded.end_id?.[0] ?? null;
    // With `<unk>`, what is never written.
    const banned = encoded.banned_ids?.[0] ?? [];
    this.forbidden = [0, ...(encoded.begin_id ?? []), ...banned];
    return encoded;
  }

  /** Take a text into a state, whose first `given` characters are the prompt. */
  async adopt(
    state,
    signal,
    text = textOf(state.tokens),
    given = textOf(state.tokens.slice(0, state.start)).length,
  ) {
    const scores = await this.model.predict("score", { text: [text] }, signal);
    const end = endWithin(text, scores.warning[0]);
    const numLost = text.length - end.length;
    if (numLost) return this.adopt(state, signal, end, Math.max(0, given - numLost));
    const tokens = await this.split(text, signal);
    scores.token_log_probabilities[0].forEach((logp, place) => {
      if (tokens[place + 1]) tokens[place + 1].logp = logp;
    });
    let length = 0,
      start = 0;
    while (start < tokens.length && length < given) length += tokens[start++].text.length;
    return Object.assign(state, { tokens, start, foreign: false });
  }

  /** See to it that the states and logits after token `index` are there. */
  async read(tokens, index, signal, progress = () => {}) {
    if (tokens[index].logits) return;
    let first = index;
    while (first > 0 && !tokens[first - 1].states) first -= 1;
    for (let place = first; place <= index; place += 1) {
      await this.step(tokens[place], tokens[place - 1], signal);
      const next = tokens[place + 1];
      if (next && !next.best) Object.assign(next, opinion(tokens[place].logits, next.id));
      if (place < index) tokens[place].logits = null;
      progress(place + 1 - first, index + 1 - first);
    }
  }

  async step(token, before, signal) {
    const inputs = { token_ids: [token.id] };
    for (const name of this.states) {
      const [, ...shape] = this.model.shape("step", "inputs", name);
      inputs[name] = before ? before.states[name] : [zeros(shape)];
    }
    const { logits, ...states } = await this.model.predict("step", inputs, signal);
    token.states = states;
    token.logits = Float32Array.from(logits[0]);
  }

  /** The token drawn after the last, as `generate` draws number `step` after its prompt. */
  async draw(tokens, settings, step, signal) {
    if (!tokens.length) return this.first(settings, signal);
    const last = tokens.at(-1);
    await this.read(tokens, tokens.length - 1, signal);
    const before = tokens.map((token) => token.id);
    const id = draw(penalized(last.logits, before, settings), settings, step, this.forbidden);
    return { id, text: "", ends: id === this.end, ...opinion(last.logits, id) };
  }

  /** After nothing there is no step to take: the server draws the first token. */
  async first(settings, signal) {
    // The first of the tokens of a character is known when the character is.
    for (let count = 1; ; count += 1) {
      const inputs = { ...settingsOfRow(settings, count), prompt: [""] };
      const { completion, log_probability: logp } = await this.model.predict(
        "generate",
        inputs,
        signal,
      );
      if (completion[0].startsWith(UNCLEAR) && count < MOST_OF_CHARACTER) continue;
      const { ids } = await this.pieces.encode(completion[0], signal);
      return {
        id: ids[0] ?? 0,
        text: "",
        logp: count === 1 ? logp[0] : null,
        rank: null,
        best: null,
      };
    }
  }

  /** Write the texts of the tokens from `start` on into them; the first `numKnown` have theirs. */
  async spell(tokens, start, numKnown, signal) {
    const before = tokens.slice(Math.max(0, start - NUM_BEFORE), start);
    const written = tokens.slice(start);
    const known = written.slice(0, numKnown).map((token) => token.text);
    const ids = written.map((token) => token.id);
    const likely = (written.at(-1)?.best ?? []).map(({ id }) => id);
    const text = before.filter(this.isText);
    const pieces = await this.pieces.follow(text, ids, known, likely, signal);
    pieces.forEach((piece, place) => (written[place].text = piece));
  }

  /** See to it that the texts of the tokens from `start` on are right together. */
  async settle(tokens, start, signal) {
    const written = tokens.slice(start).filter(this.isText);
    const ids = written.map((token) => token.id);
    const texts = written.map((token) => token.text);
    const pieces = await this.pieces.settled(ids, texts, signal);
    pieces.forEach((piece, place) => (written[place].text = piece));
  }
}

function zeros([size, ...rest]) {
  return Array.from({ length: size }, () => (rest.length ? zeros(rest) : 0));
}

/** The end of a text that a server reads: its warning says how many bytes that are. */
function endWithin(text, warning) {
  const limit = /\b(?:first|last) (\d+) bytes\b/.exec(warning)?.[1];
  if (!limit) return text;
  const bytes = new TextEncoder().encode(text).slice(-limit);
  return new TextDecoder().decode(bytes).replace(/^\ufffd+/, "");
}
