// Numbers as they come from a spreadsheet.

const MISSING = new Set(["", "na", "n/a", "nan", "null", "none", "-", "–", "?"]);

// `1,5` and `1,234.5`.
const ONE_NUMBER = /^\(?[+-]?[$€£¥]?(\d+,\d+|\d{1,3}(,\d{3})*\.\d+)\)?%?$/;

/** An empty cell, or one that says that there is nothing: `#DIV/0!` too. */
const isMissing = (cell) =>
  MISSING.has(cell.toLowerCase()) || /^#(n\/?[av]|[\p{L}/0]+[!?])$/iu.test(cell);

/**
 * Columns `{ name, values }` of a pasted table, those that hold numbers; `labels` are the texts of
 * a first column that does not. Cells are apart by tabs, semicolons, commas or spaces, and a comma
 * is the decimal point where it cannot be another thing: `1,2` is two cells where two columns are
 * `wanted`. What is missing is NaN.
 */
function parseTable(text, wanted = 1) {
  const lines = text
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .filter((line) => line.trim());
  if (!lines.length) return { columns: [], labels: null };
  const separator =
    ["\t", ";"].find((sign) => lines[0].includes(sign) || lines.at(-1).includes(sign)) ?? null;
  const rows = lines.map((line) => cellsOf(line, separator ?? guess(lines, wanted)));
  const width = Math.max(...rows.map((row) => row.length));
  const decimal = decimalSign(rows);
  const read = rows.map((row) =>
    Array.from({ length: width }, (_, place) => numberOf(row[place] ?? "", decimal)),
  );
  const numNamed = numNameLines(rows, read);
  const body = read.slice(numNamed);
  const columns = [];
  let labels = null;
  for (let place = 0; place < width; place += 1) {
    const values = body.map((row) => row[place]);
    const names = rows.slice(0, numNamed).map((row) => row[place]);
    const name = names.filter(Boolean).join(" ") || `column ${place + 1}`;
    if (values.includes(null)) labels ??= rows.slice(numNamed).map((row) => row[place] ?? "");
    else if (values.some(Number.isFinite)) columns.push({ name, values });
  }
  return { columns, labels };
}

/** How many of the first lines hold names, and units below them: no number, where a later has. */
function numNameLines(rows, read) {
  const isNamed = (row) =>
    rows[row].some((cell) => !isMissing(cell)) && !read[row].some(Number.isFinite);
  let count = 0;
  while (count < Math.min(2, rows.length - 1) && isNamed(count)) count += 1;
  // Words all the way down are not names.
  return read.slice(count).some((row) => row.some(Number.isFinite)) ? count : Math.min(count, 1);
}

/** What is between cells where there is no tab and no semicolon. */
function guess(lines, wanted) {
  if (wanted > 1 && lines.every((line) => line.split(",").length === wanted)) return ",";
  const fields = lines.map((line) => line.trim().split(/\s+/));
  const spaced = fields.every((row) => row.length > 1);
  // `1,5` on every line by itself is a number, `1,5,2` is not; nor are `1,5 2,5` three numbers.
  const ofDecimals = lines.every((line) => ONE_NUMBER.test(line.trim()) || !line.includes(","));
  const ofSpacedDecimals =
    spaced && fields.flat().every((field) => /^[+-]?\d+(,\d+)?$/.test(field));
  if (lines.some((line) => line.includes(",")) && !ofDecimals && !ofSpacedDecimals) return ",";
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
function decimalSign(rows) {
  const cells = rows.flat().map((cell) => bare(cell).replace(/(?<=\d)[\s'’_](?=\d{3})/g, ""));
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
  const text = cell
    .toLowerCase()
    .replace(/^\((.*\d.*)\)$/, "-$1")
    .replace(/[−–](?=[\d.,])/, "-");
  return text.replace(/^([-+]?)[$€£¥]\s*|\s*[$€£¥%]$/g, "$1");
}

/** A number, NaN where it is missing, or null for another text: thousands are groups of three. */
function numberOf(cell, decimal) {
  const plain = bare(cell);
  if (isMissing(plain)) return NaN;
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

/** Columns of numbers that only count the steps: years, or numbers of lines. */
function isCounter({ values }) {
  return values.length > 2 && values.every((value, place) => value === values[0] + place);
}
