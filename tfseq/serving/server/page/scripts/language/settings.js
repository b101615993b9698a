// How a text is drawn: what a person sets, and keeps.

const SLIDERS = [
  ["length", "Tokens", 1, 500, 1, 120, "How many to write at a time.", 1, 100000],
  [
    "temperature",
    "Temperature",
    0,
    2,
    0.05,
    0.8,
    "Lower is safer, higher is bolder. 0 always takes the most likely token.",
    0,
    100,
  ],
  [
    "topK",
    "Top-k",
    0,
    100,
    1,
    0,
    "Draws only from the k most likely tokens. 0 is off.",
    0,
    2 ** 31 - 1,
  ],
  [
    "topP",
    "Top-p",
    0,
    1,
    0.01,
    1,
    "Draws from the fewest tokens that together have this probability. 1 is off.",
  ],
];
const MORE_SLIDERS = [
  [
    "minP",
    "Min-p",
    0,
    1,
    0.01,
    0,
    "Draws from tokens at least this probable, relative to the most likely one. 0 is off.",
  ],
  [
    "repetition",
    "Repetition penalty",
    1,
    2,
    0.01,
    1,
    "Above 1, tokens already in the text become less likely.",
    0.01,
    100,
  ],
  [
    "frequency",
    "Frequency penalty",
    0,
    2,
    0.01,
    0,
    "The same, and more so with each time they occur.",
    -100,
    100,
  ],
  [
    "window",
    "Penalty window",
    0,
    512,
    1,
    64,
    "How many of the last tokens both penalties look at.",
    0,
    100000,
  ],
];
const WHOLE = new Set(["length", "topK", "window"]);
const MOST_STOPS = 4;

/** The settings of a model's texts; `changed()` is called where they change. */
class SamplingSettings {
  constructor(model, changed) {
    this.key = `${model.name} settings`;
    this.changed = changed;
    const kept = memory.read(this.key, {});
    const onchange = () => this.keep();
    this.sliders = {};
    for (const [name, label, from, to, step, initial, help, least, most] of [
      ...SLIDERS,
      ...MORE_SLIDERS,
    ]) {
      const options = { label, from, to, step, initial: kept[name] ?? initial, help, least, most };
      this.sliders[name] = slider(options, onchange);
    }
    this.seed = make("input", {
      type: "number",
      id: "seed",
      step: "1",
      value: kept.seed ?? "0",
      oninput: onchange,
    });
    this.atOnce = make("input", { type: "checkbox", onchange });
    this.atOnce.checked = kept.atOnce ?? false;
    this.stop = make("textarea", {
      id: "stop",
      rows: 2,
      class: "plain",
      dir: "auto",
      oninput: onchange,
    });
    this.stop.value = kept.stop ?? "";
    this.values = make("span", { class: "soft" });
    const elements = (sliders) => sliders.map(([name]) => this.sliders[name].element);
    this.more = make(
      "details",
      { class: "more", open: kept.more ?? false },
      make("summary", {}, "More control"),
      ...elements(MORE_SLIDERS),
      make(
        "div",
        { class: "field" },
        make("label", { for: "stop" }, "Stop before"),
        this.stop,
        make(
          "p",
          { class: "help" },
          `Up to ${MOST_STOPS} strings, one per line. Write a line break as \\n.`,
        ),
      ),
    );
    this.element = make(
      "details",
      { class: "settings card", open: matchMedia("(min-width: 60rem)").matches },
      make("summary", {}, "Settings ", this.values),
      ...elements(SLIDERS),
      make(
        "div",
        { class: "slider seed" },
        make("label", { for: "seed" }, "Seed"),
        this.seed,
        button("Random", () => this.reseed(Math.floor(Math.random() * 1e6)), { class: "quiet" }),
        make("p", { class: "help" }, "The same seed writes the same text."),
      ),
      model.has("generate", "score")
        ? make(
            "label",
            { class: "check" },
            this.atOnce,
            make(
              "span",
              {},
              "All at once",
              make("span", { class: "help" }, " The server writes the whole text in one request."),
            ),
          )
        : null,
      this.more,
    );
    this.tell();
  }

  get value() {
    const settings = { seed: BigInt(/^-?\d+$/.test(this.seed.value) ? this.seed.value : 0) };
    for (const [name, { value }] of Object.entries(this.sliders)) {
      settings[name] = WHOLE.has(name) ? Math.round(value()) : value();
    }
    const lines = this.stop.value.split("\n").filter(Boolean);
    settings.stop = lines
      .slice(0, MOST_STOPS)
      .map((line) => line.replaceAll("\\n", "\n").replaceAll("\\t", "\t"));
    return settings;
  }

  /** Whether anything is set that `generate` does not take. */
  get controls() {
    const { minP, repetition, frequency, window, stop } = this.value;
    return minP > 0 || (window > 0 && (repetition !== 1 || frequency !== 0)) || stop.length > 0;
  }

  reseed(seed) {
    this.seed.value = String(seed);
    this.keep();
  }

  keep() {
    const { seed, ...others } = this.value;
    const more = {
      seed: String(seed),
      stop: this.stop.value,
      atOnce: this.atOnce.checked,
      more: this.more.open,
    };
    memory.write(this.key, { ...others, ...more });
    this.tell();
    this.changed();
  }

  tell() {
    const { temperature, seed } = this.value;
    this.values.textContent = `temperature ${temperature}, seed ${seed}${this.controls ? ", more" : ""}`;
  }
}

/** What `generate` takes beside a prompt, for one row; and `generate_controlled`. */
function settingsOfRow({ temperature, topK, topP, seed }, numTokens) {
  return {
    max_new_tokens: [numTokens],
    temperature: [temperature],
    top_k: [topK],
    top_p: [topP],
    seed: [seed],
  };
}

function controlsOfRow({ stop, minP, repetition, frequency, window }) {
  return {
    stop: [stop.length ? stop : [""]],
    min_p: [minP],
    repetition_penalty: [repetition],
    repetition_window: [window],
    frequency_penalty: [frequency],
  };
}
