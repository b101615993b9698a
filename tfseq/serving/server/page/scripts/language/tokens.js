// A text token by token, on backgrounds as strong as their surprisal.

/** Tokens in their element; `onpick(index)` is called for the one that a person asks about. */
class TokenText {
  constructor(label, strongest, onpick) {
    this.strongest = strongest;
    this.onpick = onpick;
    this.spans = [];
    this.tokens = [];
    this.here = 0;
    this.element = make("div", {
      class: "tokens",
      role: "group",
      "aria-label": label,
      dir: "auto",
      onclick: (event) => this.ask(event.target),
      onkeydown: (event) => this.press(event),
    });
  }

  /** Show tokens; those from `start` on were written by the model. */
  show(tokens, start = tokens.length) {
    this.tokens = tokens;
    while (this.spans.length > tokens.length) this.spans.pop().remove();
    const added = [];
    tokens.forEach((token, index) => {
      let span = this.spans[index];
      if (!span) {
        span = make("span", { role: "button", tabindex: "-1" });
        this.spans.push(span);
        added.push(span);
      }
      const bits = token.logp == null ? null : bitsOf(token.logp);
      const state = `${token.text}\n${bits}\n${index >= start}\n${token.ends}`;
      if (span.state === state) return;
      span.state = state;
      const [, space, word] = /^( +)(\S.*)$/su.exec(token.text) ?? [];
      // The space before a word may end a line, and is no part of its background.
      span.replaceChildren(...(word ? [space, make("i", {}, word)] : [token.text]));
      span.className = [
        index >= start ? "new" : "given",
        token.text.includes("\n") ? "break" : "",
        token.ends ? "end" : "",
        word ? "spaced" : "",
      ].join(" ");
      span.style.setProperty("--heat", bits === null ? 0 : Math.min(1, bits / this.strongest));
      span.title =
        bits === null
          ? ""
          : `${visible(token.text)}  ${shown(bits, 2)} bits, ${percent(Math.exp(token.logp))}`;
      span.setAttribute("aria-label", token.ends ? "end of the text" : spoken(token.text, bits));
    });
    this.element.append(...added);
    if (this.spans.length) this.enter(Math.min(this.here, this.spans.length - 1));
  }

  /** One token can be reached by Tab, the others from it by arrows. */
  enter(index, focus = false) {
    this.spans[this.here]?.setAttribute("tabindex", "-1");
    this.here = index;
    this.spans[index].setAttribute("tabindex", "0");
    if (focus) this.spans[index].focus();
  }

  ask(target) {
    const index = this.spans.indexOf(target.closest("[role=button]"));
    if (index < 0 || String(getSelection())) return;
    this.enter(index);
    this.onpick(index, this.spans[index]);
  }

  press(event) {
    const last = this.spans.length - 1;
    const backwards = getComputedStyle(this.element).direction === "rtl" ? 1 : -1;
    const to = {
      ArrowLeft: this.here + backwards,
      ArrowRight: this.here - backwards,
      Home: 0,
      End: last,
    }[event.key];
    if (to !== undefined) this.enter(Math.max(0, Math.min(last, to)), true);
    else if (event.key === "Enter" || event.key === " ") this.ask(event.target);
    else return;
    event.preventDefault();
  }
}

const SIGNS = { " ": "␣", "\n": "↵", "\t": "⇥" };

/** A token as a person sees it where it stands alone. */
function visible(text) {
  if (!text) return "∅";
  return text.replace(/[\n\t]|^ +| +$/g, (space) => [...space].map((c) => SIGNS[c] ?? c).join(""));
}

function spoken(text, bits) {
  const names = { " ": "space", "\n": "line break", "\t": "tab", "": "nothing" };
  return `${names[text] ?? text}${bits === null ? "" : `, ${shown(bits, 2)} bits`}`;
}

/** The key to the backgrounds: from expected to surprising. */
function heatKey(strongest) {
  const scale = make("span", { class: "scale", "aria-hidden": "true" });
  for (let level = 0; level < 8; level += 1) {
    const step = make("i");
    step.style.setProperty("--heat", level / 7);
    scale.append(step);
  }
  return make(
    "p",
    { class: "key soft" },
    "expected",
    scale,
    `surprising (${shown(strongest, 2)} bits)`,
  );
}

/** A token and how probable it was. */
function likelyTitle({ text, logp }, more = "") {
  const bits =
    logp == null
      ? "not scored"
      : `${shown(bitsOf(logp), 2)} bits, ${percent(Math.exp(logp))}${more}`;
  const word = make("bdi", { class: "word" }, visible(text));
  return make("span", {}, word, make("span", { class: "soft" }, bits));
}

/** What else was likely, in a card beside the token; at the foot of a narrow screen. */
class Likely {
  constructor() {
    this.element = make("div", {
      class: "likely card",
      role: "dialog",
      hidden: true,
      "aria-label": "What was likely here",
      onkeydown: (event) => this.press(event),
    });
    document.addEventListener("pointerdown", (event) => {
      const inside = this.element.contains(event.target) || this.span?.contains(event.target);
      if (!inside) this.close();
    });
  }

  /** Open beside a span; `lines` are elements, the first of which gets the focus. */
  open(span, title, lines) {
    this.close();
    this.span = span;
    span.classList.add("asked");
    const close = button("×", () => this.close(true), {
      class: "quiet close",
      "aria-label": "Close",
    });
    this.element.replaceChildren(make("div", { class: "title" }, title, close), ...lines);
    this.element.hidden = false;
    // On a narrow screen the card takes the lower part.
    const narrow = matchMedia("(max-width: 40rem)").matches;
    if (narrow) span.scrollIntoView({ block: "start" });
    const around = this.element.parentElement.getBoundingClientRect();
    const box = span.getClientRects()[0] ?? span.getBoundingClientRect();
    const left = Math.max(
      0,
      Math.min(box.left - around.left - 16, around.width - this.element.offsetWidth),
    );
    this.element.style.setProperty("--left", `${left}px`);
    this.element.style.setProperty("--top", `${box.bottom - around.top + 8}px`);
    if (!narrow) this.element.scrollIntoView({ block: "nearest" });
    (this.element.querySelector("button.line") ?? close).focus({ preventScroll: true });
  }

  close(back = false) {
    if (this.element.hidden) return;
    this.element.hidden = true;
    this.span.classList.remove("asked");
    if (back) this.span.focus();
  }

  press(event) {
    const lines = [...this.element.querySelectorAll("button.line")];
    const place = lines.indexOf(document.activeElement);
    if (event.key === "Escape") {
      this.close(true);
      event.stopPropagation();
    } else if (event.key === "ArrowDown") lines[Math.min(place + 1, lines.length - 1)]?.focus();
    else if (event.key === "ArrowUp") lines[Math.max(place - 1, 0)]?.focus();
    else return;
    event.preventDefault();
  }
}
