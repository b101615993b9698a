// A text as it was before, and what is to be said of it.

/** States of a text, of which a person may go back to any. */
class TextStates {
  constructor(state) {
    this.states = [state];
    this.place = 0;
  }

  get now() {
    return this.states[this.place];
  }

  add(state) {
    this.states.splice(this.place + 1, Infinity, state);
    this.place += 1;
  }

  move(by) {
    this.place = Math.max(0, Math.min(this.states.length - 1, this.place + by));
  }
}

const textOf = (tokens) => tokens.map(({ text }) => text).join("");

/** Tokens as they are kept: their states are large, and can be read again. */
function withoutStates(tokens) {
  return tokens.map(({ states, logits, ...others }) => others);
}

/** Whether the text from `start` on has one of the strings; it then ends before the first. */
function cutAtStop(tokens, start, strings) {
  const text = textOf(tokens.slice(start));
  const places = strings.map((string) => text.indexOf(string)).filter((place) => place >= 0);
  if (!places.length) return false;
  const pieces = tokens.slice(start).map((token) => token.text);
  cut(pieces, Math.min(...places));
  pieces.forEach((piece, place) => (tokens[start + place].text = piece));
  while (tokens.length > start && !tokens.at(-1).text) tokens.pop();
  return true;
}

/** What is said below a text: how many tokens, how probable, how fast. */
function countedText(logps, { tokens }, speed) {
  if (!tokens.length)
    return "The text appears here. Choose a token in it to see what else was likely.";
  if (!logps.length) return "";
  const numbers = `${logps.length} token${logps.length > 1 ? "s" : ""}`;
  const sum = logps.reduce((total, logp) => total + logp, 0);
  const parts = [
    numbers,
    `perplexity ${shown(perplexityOf(logps))}`,
    `log probability ${shown(sum, 5)}`,
  ];
  if (speed) parts.push(`${shown(speed, 2)} tokens/s`);
  return parts.join(" · ");
}
