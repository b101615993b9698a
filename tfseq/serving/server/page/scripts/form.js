// A card in which a person gives something and asks for an answer.

/**
 * Fields above a button that starts `act(signal)`, and stops it while it runs. Ctrl+Enter starts it
 * too, and Escape stops it.
 */
class Form {
  constructor(label, act, fields) {
    this.act = act;
    this.main = button(label, () => this.press(), { class: "primary" });
    this.work = new Work((busy) => {
      this.main.textContent = busy ? "Stop" : label;
      this.main.classList.toggle("stop", busy);
    });
    this.card = make(
      "section",
      { class: "card" },
      ...fields,
      make("div", { class: "row" }, this.main),
    );
  }

  /** The card with what it leads to below. */
  above(result) {
    return make("div", { onkeydown: (event) => this.key(event) }, this.card, result);
  }

  press() {
    return this.work.busy ? this.work.stop() : this.work.run(this.act);
  }

  key(event) {
    if (event.key === "Escape") this.work.stop();
    if (isStart(event) && this.card.contains(event.target) && !this.main.disabled)
      this.work.run(this.act);
  }
}

/** Whether a key asks to begin. */
const isStart = ({ key, ctrlKey, metaKey }) => key === "Enter" && (ctrlKey || metaKey);
