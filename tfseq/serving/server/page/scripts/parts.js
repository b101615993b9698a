// Small parts of the page.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick`) and children. */
function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function draws(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function button(label, onclick, attributes = {}) {
  return make("button", { type: "button", onclick, ...attributes }, label);
}

/** Words for a screen reader. */
function say(text) {
  document.getElementById("said").textContent = text;
}

/** What the browser keeps, where it does not forbid that. */
class Memory {
  constructor(storage) {
    this.storage = storage;
  }

  read(key, otherwise) {
    try {
      return JSON.parse(this.storage().getItem(`tfseq ${key}`)) ?? otherwise;
    } catch {
      return otherwise;
    }
  }

  write(key, value) {
    try {
      this.storage().setItem(`tfseq ${key}`, JSON.stringify(value));
    } catch {
      // Full or forbidden: it is there until the page is closed.
    }
  }
}

/** From one visit to the next; and secrets, for one visit alone. */
const memory = new Memory(() => localStorage);
const secrets = new Memory(() => sessionStorage);

let numFields = 0;

/** A text box of its own label, which remembers what is written. */
function textBox(label, { key, rows = 4, placeholder = "", initial = "" } = {}) {
  const id = `field${(numFields += 1)}`;
  const area = make("textarea", { id, rows, placeholder, dir: "auto", spellcheck: "false" });
  area.value = memory.read(key, initial);
  area.addEventListener("input", () => memory.write(key, area.value));
  return {
    area,
    element: make("div", { class: "field" }, make("label", { for: id }, label), area),
  };
}

/** A number with a slider from `from` to `to`; the box beside it takes `least` to `most`. */
function slider({ label, from, to, step, initial, help, least = from, most = to }, changed) {
  const id = `field${(numFields += 1)}`;
  const range = make("input", {
    type: "range",
    id,
    min: from,
    max: to,
    step,
    "aria-describedby": `${id}h`,
  });
  const number = make("input", {
    type: "number",
    min: least,
    max: most,
    step: "any",
    "aria-label": label,
    inputmode: "decimal",
  });
  const set = (value) => {
    range.value = number.value = value;
  };
  set(initial);
  range.addEventListener("input", () => {
    number.value = range.value;
    changed();
  });
  number.addEventListener("input", () => {
    if (number.value !== "") range.value = number.value;
    changed();
  });
  number.addEventListener("change", () => {
    const value = Math.min(most, Math.max(least, Number(number.value) || 0));
    set(Number.isInteger(step) ? Math.round(value) : value);
    changed();
  });
  const element = make(
    "div",
    { class: "slider" },
    make("label", { for: id }, label),
    number,
    range,
    make("p", { id: `${id}h`, class: "help" }, help),
  );
  const value = () => Math.min(most, Math.max(least, Number(number.value) || 0));
  return { element, set, value };
}

/** A line of the likelihood of something: its name, a bar, its share. */
function barLine(name, share, { onclick, current = false, label } = {}) {
  const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("i"));
  bar.firstChild.style.setProperty("--share", share);
  const parts = [
    make("bdi", { class: "word" }, name),
    bar,
    make("span", { class: "share" }, percent(share)),
  ];
  const attributes = { class: "line", "aria-label": label, "aria-current": current || undefined };
  return onclick
    ? fill(button("", onclick, attributes), {}, parts)
    : make("div", attributes, ...parts);
}

/** One piece of work at a time, which can be given up; `around(working)` shows it. */
class Work {
  constructor(around) {
    this.around = around;
    this.last = Promise.resolve();
    this.controller = null;
  }

  get busy() {
    return this.controller !== null;
  }

  stop() {
    this.controller?.abort();
  }

  /** Runs `work(signal)` once what ran before has ended; a failure is shown on the page. */
  run(work) {
    this.stop();
    const controller = (this.controller = new AbortController());
    this.last = this.last.then(() => this.finish(work, controller));
    return this.last;
  }

  async finish(work, controller) {
    if (controller.signal.aborted && this.controller !== controller) return;
    this.around(true);
    try {
      controller.signal.throwIfAborted();
      await work(controller.signal);
      if (this.failed) trouble(null);
      this.failed = false;
    } catch (error) {
      this.failed = error.name !== "AbortError";
      if (this.failed) trouble(error, error.final ? null : () => this.run(work));
    }
    if (this.controller !== controller) return;
    this.controller = null;
    this.around(false);
  }
}

/** Says what went wrong, until it goes right; `again` tries once more. */
function trouble(error, again) {
  const box = document.getElementById("trouble");
  box.hidden = !error;
  if (!error) return box.replaceChildren();
  if (!(error instanceof ServerError)) console.error(error);
  box.replaceChildren(
    make("p", {}, error.message),
    make(
      "p",
      { class: "row" },
      again ? button("Try again", again) : null,
      error.status === 401 || error.status === 403
        ? button("Enter a token", () => showConnection())
        : null,
      button("Dismiss", () => trouble(null), { class: "quiet" }),
    ),
  );
}
