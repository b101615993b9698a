// Tokens as pieces of text, which together are the text.

const UNCLEAR = "\ufffd";
// A text whose tokens tell whether a text is no more than its tokens one after the other.
const EXAMPLE = "a b.\nb a";
// As far ahead in a text its next token is looked for.
const FARTHEST = 64;
// Tokens before a text that may change how it begins.
const NUM_BEFORE = 4;
// What stands so many words back keeps its space, or has none.
const SETTLED = 8;
// No space comes between two of these.
const UNSPACED = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]{2}/u;
// So many tokens that make no character are put together at most.
const MOST_BROKEN = 16;

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

  /** The text of each id by itself; the server is asked for each once, `likely` ones with it. */
  async each(ids, signal, likely = []) {
    if (ids.some((id) => !this.alone.has(id))) {
      const unknown = [...new Set([...ids, ...likely])].filter((id) => !this.alone.has(id));
      const rows = unknown.map((id) => [id]);
      const texts = await this.decode(rows, signal);
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
      // What no token stands for goes with those that were not found, or with this one.
      if (waiting)
        pieces.splice(index - waiting, waiting, ...shared(text.slice(place, found), waiting));
      pieces[index] = text.slice(waiting ? found : place, end);
      [place, waiting] = [end, 0];
    });
    if (waiting) pieces.splice(-waiting, waiting, ...shared(text.slice(place), waiting));
    else if (pieces.length) pieces[pieces.length - 1] += text.slice(place);
    return pieces;
  }

  /**
   * The pieces of `ids`, which follow `before`, tokens `{ id, text }`. What `pieces` has of them is
   * kept where the text has not changed: of words a later one may take the space before it away.
   */
  async follow(before, ids, pieces, likely, signal) {
    const joined = await this.areJoined(signal);
    const from = Math.max(0, pieces.length - MOST_BROKEN);
    const alone = await this.each(ids.slice(from), signal, likely);
    const all = [...pieces];
    for (let end = all.length + 1; end <= ids.length; end += 1) {
      const next = alone[end - 1 - from];
      const first = joined
        ? from + firstBroken(alone.slice(0, end - from))
        : firstNeeded(all, next);
      if (first === end) {
        all.push(next);
        continue;
      }
      const context = first > 0 ? [] : contextOf(before, joined, all.length > 0);
      const rows = [context, [...context, ...ids.slice(first, end)]];
      const [start, text] = await this.decode(rows, signal);
      const known = all.splice(first);
      // Words that are put together alone have no space before them.
      const lead = context.length || joined ? "" : /^ ?/.exec(known[0] ?? "")[0];
      const spaced = first === 0 && !joined && /\s$/u.test(before.at(-1)?.text ?? "");
      const ours = text.slice(commonLength(start, text));
      const whole = spaced ? ours.trimStart() : lead + ours;
      cut(known, commonLength(known.join(""), whole));
      all.push(...known, whole.slice(known.join("").length));
    }
    return all;
  }

  /** The pieces again, where the text of `ids` as a whole is another. */
  async settled(ids, pieces, signal) {
    if (!ids.length || (await this.areJoined(signal))) return pieces;
    const [whole] = await this.decode([ids], signal);
    const text = pieces.join("");
    if (text.endsWith(whole)) return pieces;
    return this.align(/^\s*/u.exec(text)[0] + whole, ids, signal);
  }
}

/** Where the tokens begin that are parts of a character, at the end of these. */
function firstBroken(alone) {
  let first = alone.length;
  while (first > 0 && alone[first - 1].includes(UNCLEAR)) first -= 1;
  return first;
}

/**
 * The first of the words that one more may change, or be changed by. They look no further than the
 * last place that stays as it is; a straight quotation mark looks for the one that it pairs with.
 */
function firstNeeded(pieces, next) {
  const quotes = pieces.map((piece) => piece.includes('"'));
  let numBefore = quotes.filter(Boolean).length;
  let inside = next.includes('"');
  for (let first = pieces.length - 1; first > 0; first -= 1) {
    numBefore -= quotes[first];
    inside ||= quotes[first];
    const stays =
      first <= pieces.length - SETTLED &&
      (/^ \S/u.test(pieces[first]) || UNSPACED.test(pieces[first - 1].slice(-1) + pieces[first]));
    if (stays && (numBefore % 2 === 0 || !inside)) return first;
  }
  return 0;
}

/** The last ids before a text, which tell how it begins; words of it pair no quotation marks. */
function contextOf(before, joined, begun) {
  const last = before.slice(-NUM_BEFORE);
  const quote = joined ? -1 : last.findLastIndex(({ text }) => text.includes('"'));
  // A mark itself tells whether a space follows it.
  const own = quote === last.length - 1 && !begun;
  return last.slice(own ? Math.max(0, quote) : quote + 1).map(({ id }) => id);
}

/** A text in so many pieces: its characters or words, if they are as many, else all in the first. */
function shared(text, count) {
  const ways = [[...text], text.match(/\s*\S+\s*$|\s*\S+/gu) ?? []];
  const all = [text, ...Array(count - 1).fill("")];
  return ways.find((pieces) => pieces.length === count && pieces.join("") === text) ?? all;
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
