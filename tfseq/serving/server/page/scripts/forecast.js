// The view of a forecaster: values in, a line that goes on.

// As many past values are drawn, at least; and as many as the forecast's, times this.
const FEWEST_DRAWN = 60;
const TIMES_DRAWN = 3;

class ForecastView {
  constructor(model) {
    this.model = model;
    this.title = "Forecast";
    this.width = model.shape("serving_default", "inputs", "values").at(-1);
    this.most = model.shape("serving_default", "outputs", "forecast")[1];
    const each = this.width === 1 ? "one value" : `${this.width} values`;
    this.box = textBox(`Your values: one line per step with ${each}, the newest last`, {
      key: `${model.name} values`,
      rows: 8,
      placeholder: "Paste from a spreadsheet, with or without a line of names.",
    });
    this.box.area.classList.add("plain");
    this.box.area.addEventListener("input", () => this.read());
    this.box.area.addEventListener("dragover", (event) => event.preventDefault());
    this.box.area.addEventListener("drop", (event) => this.drop(event));
    const key = `${model.name} horizon`;
    this.horizon = slider(
      {
        label: "Steps ahead",
        from: 1,
        to: this.most,
        step: 1,
        initial: Math.min(this.most, memory.read(key, this.most)),
        help: `The export allows at most ${this.most}.`,
      },
      () => memory.write(key, this.horizon.value()),
    );
    this.choices = make("div", { class: "row choices" });
    this.found = make("p", { class: "soft" });
    this.form = new Form("Forecast", (signal) => this.forecast(signal), [
      this.box.element,
      this.choices,
      this.found,
      this.horizon.element,
    ]);
    this.result = make("div");
    this.element = this.form.above(this.result);
    addEventListener("resize", () => this.draw?.());
    this.read();
  }

  async drop(event) {
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    this.box.area.value = await file.text();
    this.box.area.dispatchEvent(new Event("input"));
  }

  /** Look at what was pasted, and let the person choose where there are more columns. */
  read() {
    this.table = parseTable(this.box.area.value, this.width);
    const across = this.table.columns.map(({ values }) => values);
    if (this.width === 1 && across.length > 1 && across.every((values) => values.length === 1)) {
      // One series in one line.
      this.table.columns = [{ name: "values", values: across.flat() }];
    }
    const { columns } = this.table;
    const fits = columns.length >= this.width;
    this.form.main.disabled = !fits;
    this.choices.replaceChildren();
    this.selects = [];
    if (!this.box.area.value.trim()) {
      this.found.textContent = "";
      return;
    }
    const names = columns.map(({ name }) => name).join(", ");
    const steps = columns[0]?.values.length ?? 0;
    if (!fits) {
      const found = columns.length ? `${columns.length} (${names})` : "none";
      this.found.textContent = `The model takes ${this.width} columns of numbers. Found: ${found}.`;
      return;
    }
    this.found.textContent = `${steps} steps of ${names}`;
    if (columns.length === this.width) return;
    // What counts the steps is hardly one of the series.
    const counters = columns.map(isCounter);
    const order = [...columns.keys()].sort((a, b) => counters[a] - counters[b] || a - b);
    const first = order.slice(0, this.width).sort((a, b) => a - b);
    for (let place = 0; place < this.width; place += 1) {
      const options = columns.map(({ name }, index) =>
        make("option", { value: index, selected: index === first[place] }, name),
      );
      const select = make(
        "select",
        { "aria-label": `Column ${place + 1} of the model` },
        ...options,
      );
      this.selects.push(select);
    }
    this.choices.append("Columns for the model: ", ...this.selects);
  }

  get chosen() {
    const { columns } = this.table;
    return this.selects.length ? this.selects.map((select) => columns[select.value]) : columns;
  }

  async forecast(signal) {
    const columns = this.chosen,
      horizon = Math.round(this.horizon.value());
    const values = columns[0].values.map((_, step) => columns.map((column) => column.values[step]));
    const inputs = { values: [values], horizon: [horizon] };
    const answer = await this.model.predict("serving_default", inputs, signal);
    const next = answer.forecast[0].slice(0, answer.num_steps[0]);
    this.show(columns, next, answer.warning[0]);
  }

  show(columns, next, warning) {
    const drawn = Math.max(FEWEST_DRAWN, TIMES_DRAWN * next.length);
    const labels = this.table.labels?.slice(-drawn);
    const charts = make("div");
    this.draw = () => {
      const width = Math.max(
        280,
        Math.min(1200, charts.clientWidth || this.element.clientWidth - 44),
      );
      charts.replaceChildren(
        ...columns.map(({ name, values }, place) =>
          seriesChart(
            name,
            values.slice(-drawn),
            next.map((step) => step[place]),
            labels,
            width,
          ),
        ),
      );
    };
    const names = columns.map(({ name }) => name);
    const head = ["Step", ...names].map((name, place) =>
      make("th", { scope: "col", class: place ? "n" : "" }, name),
    );
    const sizes = names.map((_, place) => Math.max(...next.map((step) => Math.abs(step[place]))));
    const rows = next.map((step, place) =>
      make(
        "tr",
        {},
        make("td", {}, `+${place + 1}`),
        ...step.map((value, column) =>
          make("td", { class: "n" }, plainNumber(value, sizes[column], true)),
        ),
      ),
    );
    const copied = [names.join("\t"), ...next.map((step) => step.join("\t"))].join("\n");
    const copy = button("Copy for a spreadsheet", async () => {
      await navigator.clipboard.writeText(copied).catch(() => {});
      say("Copied.");
      copy.textContent = "Copied";
    });
    this.result.replaceChildren(
      make("section", { class: "card" }, warningOf({ warning }), charts),
      make(
        "section",
        { class: "card" },
        make("div", { class: "row apart" }, make("h2", {}, "The forecast"), copy),
        make(
          "div",
          { class: "scroll" },
          make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)),
        ),
      ),
    );
    this.draw();
    say(`Forecast of ${next.length} steps. The first: ${next[0].map((value) => plainNumber(value)).join(", ")}.`);
  }
}
