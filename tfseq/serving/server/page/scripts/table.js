// Numbers as they come from a spreadsheet.

const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-", "–", "?", "#n/a"]);

/**
 * Columns `{ name, values }` of a pasted table, those that hold numbers; `labels` are the texts of
 * a first column that does not. Cells are apart by tabs, semicolons, commas or spaces, and a comma
 * is the decimal point where it cannot be another thing. What is missing is NaN.
 */
function parseTable(text) {
  const lines = text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .filter((line) => line.trim());
  if (!lines.length) return { columns: [], labels: null };
  const separator =
    ["\t", ";"].find((sign) => lines[0].includes(sign) || lines.at(-1).includes(sign)) ?? null;
  const rows = lines.map((line) => cellsOf(line, separator ?? guess(lines)));
  const width = Math.max(...rows.map((row) => row.length));
  const decimal = decimalSign(rows, separator);
  const read = rows.map((row) =>
    Array.from({ length: width }, (_, place) => numberOf(row[place] ?? "", decimal)),
  );
  // A first line of names has no number where a later one has.
  const named =
    rows.length > 1 &&
    read[0].every((value) => value === null || Number.isNaN(value)) &&
    rows[0].some((cell) => !MISSING.has(cell.toLowerCase()));
  const body = named ? read.slice(1) : read;
  const columns = [];
  let labels = null;
  for (let place = 0; place < width; place += 1) {
    const values = body.map((row) => row[place]);
    const name = named ? rows[0][place] || `column ${place + 1}` : `column ${place + 1}`;
    if (values.includes(null)) labels ??= rows.slice(named ? 1 : 0).map((row) => row[place] ?? "");
    else if (values.some(Number.isFinite)) columns.push({ name, values });
  }
  return { columns, labels };
}

function guess(lines) {
  const commas = lines.filter((line) => line.includes(",")).length;
  const spaced = lines.every((line) => /^\s*\S+(\s+\S+)+\s*$/.test(line));
  // `1,5` on every line by itself is a number, `1,5,2` is not.
  const decimals = lines.every((line) => /^\s*[+-]?\d+,\d+\s*$/.test(line) || !line.includes(","));
  if (commas && !decimals) return ",";
  return spaced ? /\s+/ : "\t";
}

/** The cells of a line; a cell in double quotes may hold the separator. */
function cellsOf(line, separator) {
  if (typeof separator !== "string") return line.trim().split(separator);
  const cells = [""];
  let quoted = false;
  for (const sign of line) {
    if (sign === '"') quoted = !quoted;
    else if (sign === separator && !quoted) cells.push("");
    else cells[cells.length - 1] += sign;
  }
  return cells.map((cell) => cell.trim());
}

/** Whether `,` or `.` is the decimal sign. */
function decimalSign(rows, separator) {
  const cells = rows.flat().map(bare);
  if (separator === null && rows[0].length > 1) return ".";
  const commaLast = cells.filter(
    (cell) => /\.\d{3},\d+$/.test(cell) || /^[+-]?\d+,(\d{1,2}|\d{4,})$/.test(cell),
  ).length;
  const pointLast = cells.filter(
    (cell) => /,\d{3}\.\d+$/.test(cell) || /^[+-]?\d+\.(\d{1,2}|\d{4,})$/.test(cell),
  ).length;
  return commaLast > pointLast ? "," : ".";
}

/** A cell without its currency or percent sign, and with a plain minus. */
function bare(cell) {
  const text = cell.toLowerCase().replace(/[−–](?=[\d.,])/, "-");
  return text.replace(/^([-+]?)[$€£¥]\s*|\s*[$€£¥%]$/g, "$1");
}

/** A number, NaN where it is missing, or null for another text: thousands are groups of three. */
function numberOf(cell, decimal) {
  const plain = bare(cell);
  if (MISSING.has(plain)) return NaN;
  const groups =
    decimal === ","
      ? /^[+-]?\d{1,3}([.\s'’_]\d{3})+(?=,|$)/
      : /^[+-]?\d{1,3}([,\s'’_]\d{3})+(?=\.|$)/;
  const joined = plain.replace(groups, (whole) => whole.replace(/[^\d+-]/g, ""));
  const number = decimal === "," ? joined.replace(",", ".") : joined;
  const isIt =
    !(decimal === "," && joined.includes(".")) &&
    /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(number);
  return isIt ? Number(number) : null;
}
