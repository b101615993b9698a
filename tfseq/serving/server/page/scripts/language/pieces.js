// Tokens as pieces of text, which together are the text.

const UNCLEAR = "\ufffd";
// A text whose tokens tell whether a text is no more than its tokens one after the other.
const EXAMPLE = "a b.\nb a";
// As far ahead in a text its next token is looked for.
const FARTHEST = 64;

class Pieces {
  constructor(model) {
    this.model = model;
    this.alone = new Map();
  }

  async decode(rows, signal) {
    const longest = Math.max(...rows.map((row) => row.length));
    const texts = [];
    for (let first = 0; first < rows.length; first += MOST_ROWS) {
      const some = rows.slice(first, first + MOST_ROWS);
      const inputs = {
        token_ids: some.map((row) => [...row, ...Array(longest - row.length).fill(0)]),
        num_tokens: some.map((row) => row.length),
      };
      texts.push(...(await this.model.predict("decode", inputs, signal)).text);
    }
    return texts;
  }

  async encode(text, signal) {
    const answer = await this.model.predict("encode", { text: [text] }, signal);
    return { ...answer, ids: answer.token_ids[0].slice(0, answer.num_tokens[0]) };
  }

  /** The text of each id by itself; the server is asked for each once. */
  async each(ids, signal) {
    const unknown = [...new Set(ids)].filter((id) => !this.alone.has(id));
    if (unknown.length) {
      const texts = await this.decode(
        unknown.map((id) => [id]),
        signal,
      );
      unknown.forEach((id, place) => this.alone.set(id, texts[place]));
    }
    return ids.map((id) => this.alone.get(id));
  }

  /** Whether texts are their tokens' texts one after the other: characters are, words are not. */
  async areJoined(signal) {
    if (this.joined === undefined) {
      const { ids } = await this.encode(EXAMPLE, signal);
      const whole = ids.length > 1 ? (await this.decode([ids], signal))[0] : null;
      this.joined = whole === (await this.each(ids, signal)).join("");
    }
    return this.joined;
  }

  /** The part of `text` that is each of its tokens; all of it together. */
  async align(text, ids, signal) {
    const alone = await this.each(ids, signal);
    const pieces = [];
    let place = 0,
      waiting = 0;
    alone.forEach((piece, index) => {
      const found = piece && !piece.includes(UNCLEAR) ? findPiece(text, piece, place) : -1;
      pieces.push("");
      if (found < 0) {
        waiting += 1;
        return;
      }
      const end = found + piece.length;
      // What no token stands for goes with the first that was not found, or with this one.
      if (waiting) pieces[index - waiting] = text.slice(place, found);
      pieces[index] = text.slice(waiting ? found : place, end);
      [place, waiting] = [end, 0];
    });
    if (waiting) pieces[pieces.length - waiting] += text.slice(place);
    else if (pieces.length) pieces[pieces.length - 1] += text.slice(place);
    return pieces;
  }

  /**
   * The pieces of `ids`, which follow `before`, also ids. What `pieces` has of them is kept where
   * the text has not changed: of words a later one may take the space before it away.
   */
  async follow(before, ids, pieces, signal) {
    if (await this.areJoined(signal)) {
      const alone = await this.each(ids.slice(pieces.length), signal);
      const recent = [...pieces.slice(-3), ...alone];
      if (!recent.some((piece) => piece.includes(UNCLEAR))) return [...pieces, ...alone];
    }
    const context = before.slice(-4);
    const rows = [context];
    for (let end = pieces.length + 1; end <= ids.length; end += 1)
      rows.push([...context, ...ids.slice(0, end)]);
    const [start, ...texts] = await this.decode(rows, signal);
    const all = [...pieces];
    for (const text of texts) {
      const ours = text.slice(commonLength(start, text));
      cut(all, commonLength(all.join(""), ours));
      all.push(ours.slice(all.join("").length));
    }
    return all;
  }
}

function findPiece(text, piece, place) {
  const window = text.slice(place, place + FARTHEST + piece.length);
  const found = window.indexOf(piece);
  if (found >= 0) return place + found;
  // Normalization may have changed letters' case.
  const folded = window.toLowerCase().indexOf(piece.toLowerCase());
  return folded < 0 ? -1 : place + folded;
}

function commonLength(one, other) {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length += 1;
  return length;
}

/** Leave the first `length` characters of all pieces together. */
function cut(pieces, length) {
  let begin = 0;
  pieces.forEach((piece, index) => {
    pieces[index] = piece.slice(0, Math.max(0, length - begin));
    begin += piece.length;
  });
}
