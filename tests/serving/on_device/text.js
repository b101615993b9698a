// Text to ids and back by `tokenizer.json`, in JavaScript: all kinds but subwords, no folded case.

export function text(how) {
  const ids = new Map(how.tokens.map((token, id) => [token, id]));
  const special = [how.begin, how.end].filter((id) => id !== null);
  special.forEach((id) => ids.get(how.tokens[id]) === id && ids.delete(how.tokens[id]));
  const replace = (text, pairs) =>
    pairs.reduce(
      (text, [pattern, by]) =>
        text.replace(new RegExp(pattern, "gu"), by.replace(/\\(\d)/g, "$$$1")),
      text,
    );
  return {
    encode(text) {
      how.forms.forEach((form) => (text = text.normalize(form)));
      text = replace(text, how.before);
      if (how.lower) text = text.toLowerCase();
      return (text.match(new RegExp(how.token, "gu")) ?? []).map((token) => ids.get(token) ?? 0);
    },
    decode(row) {
      const tokens = row.filter((id) => !special.includes(id)).map((id) => how.tokens[id]);
      return replace(tokens.map((t) => how.written[t] ?? t).join(how.joiner), how.after);
    },
  };
}
