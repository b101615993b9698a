// TensorFlow Serving's REST, and nothing else.

const FLOATS = new Set(["DT_HALF", "DT_BFLOAT16", "DT_FLOAT", "DT_DOUBLE"]);
const MOST_FLOAT = 3.4028234663852886e38;
// Rows that one request may have where a server has no larger batch.
const MOST_ROWS = 32;
const MOST_TRIES = 3;

/** A server that refused, or did not answer: `status` is HTTP's, or 0. */
class ServerError extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

/** A value as the server reads its type: a whole number is no float for it, unless it has a point. */
function asJson(value, type) {
  if (Array.isArray(value)) return `[${value.map((item) => asJson(item, type)).join(",")}]`;
  if (typeof value === "string") return JSON.stringify(value.replace(/\p{Surrogate}/gu, "\ufffd"));
  if (!FLOATS.has(type)) return String(value);
  if (Number.isNaN(value)) return "NaN";
  if (Math.abs(value) > MOST_FLOAT) return value > 0 ? "Infinity" : "-Infinity";
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

// What servers write for numbers that JSON has no word for -> what stands for them.
const NO_JSON = { NaN: "null", Infinity: "1e999", "-Infinity": "-1e999" };

/** JSON as servers write it. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    const parts = /"(?:[^"\\]|\\.)*"|NaN|-?Infinity/gs;
    return JSON.parse(text.replace(parts, (part) => NO_JSON[part] ?? part));
  }
}

/** A server: where it is, and the token that it asks for, if it does. */
class Server {
  constructor(address, token = "") {
    this.address = address.replace(/\/+$/, "");
    this.token = token;
  }

  /** The names of its models; none where it does not say. */
  async models(signal) {
    try {
      const answer = await this.ask("/v1/models", null, signal);
      const models = answer.data ?? answer.models ?? [];
      return models.map((model) => model.id ?? model.name ?? model).filter(Boolean);
    } catch (error) {
      // TensorFlow Serving has no such list.
      if ([400, 404, 405].includes(error.status)) return [];
      throw error;
    }
  }

  /** The JSON that a path answers; posts `body`, if there is one. */
  async ask(path, body, signal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.askOnce(path, body, signal);
      } catch (error) {
        if (![429, 503].includes(error.status) || attempt === MOST_TRIES) throw error;
        await new Promise((go) => setTimeout(go, 200 * 2 ** attempt));
        signal?.throwIfAborted();
      }
    }
  }

  async askOnce(path, body, signal) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    // To another origin a plain text goes without asking first.
    if (body && this.address === location.origin) headers["Content-Type"] = "application/json";
    let response, text;
    try {
      const method = body ? "POST" : "GET";
      response = await fetch(this.address + path, { method, body, headers, signal });
      text = await response.text();
    } catch (error) {
      if (error.name === "AbortError") throw error;
      const other =
        this.address === location.origin
          ? ""
          : ", and does it let other pages ask it (--rest_api_enable_cors_support in " +
            "TensorFlow Serving, --allow-origin in serve_export.py)";
      throw new ServerError(`${this.address} does not answer. Is the server running${other}?`);
    }
    let answer;
    try {
      answer = parsed(text);
    } catch {
      const said = text.trim().slice(0, 200) || response.statusText;
      throw new ServerError(
        `The server answered ${response.status}: ${said}`,
        response.status || 500,
      );
    }
    if (response.ok && answer.error === undefined) return answer;
    const said = answer.error?.message ?? answer.error ?? text.slice(0, 200);
    throw new ServerError(`The server answered ${response.status}: ${said}`, response.status);
  }
}

/** A version of a model: its signatures are read from `/metadata`, and called by name. */
class Model {
  constructor(server, name) {
    this.server = server;
    this.name = name;
    this.path = `/v1/models/${encodeURIComponent(name)}`;
  }

  async connect(signal) {
    const answer = await this.server.ask(`${this.path}/metadata`, null, signal);
    const described = answer.metadata?.signature_def?.signature_def;
    if (!described) throw new ServerError("The server's metadata list no signatures.");
    this.version = answer.model_spec?.version ?? "";
    this.signatures = described;
    return this;
  }

  has(...names) {
    return names.every((name) => name in this.signatures);
  }

  /** Names of a signature's `inputs` or `outputs`. */
  names(signature, side) {
    return Object.keys(this.signatures[signature]?.[side] ?? {});
  }

  /** The shape of an input or output, -1 for any size. */
  shape(signature, side, name) {
    const { dim = [] } = this.signatures[signature][side][name].tensor_shape ?? {};
    return dim.map(({ size }) => Number(size));
  }

  /** One version answers all requests: its states and tokens are its own. */
  async ask(body, signal) {
    const version = this.version ? `/versions/${this.version}` : "";
    try {
      return await this.server.ask(`${this.path}${version}:predict`, body, signal);
    } catch (error) {
      const newest =
        error.status === 404 ? await new Model(this.server, this.name).connect(signal) : this;
      if (newest.version === this.version) throw error;
      this.onversion?.(newest);
      const message =
        `The server now has version ${newest.version} of this model; ` +
        `version ${this.version} is gone.`;
      throw Object.assign(new ServerError(message, 404), { final: true });
    }
  }

  /** The outputs of a signature by name, for inputs by name, each [rows, …]. */
  async predict(signature, inputs, signal) {
    const known = this.signatures[signature].inputs;
    const fields = Object.keys(known).map((name) => {
      if (!(name in inputs)) throw new ServerError(`This page does not know the input ${name}.`);
      return `${JSON.stringify(name)}:${asJson(inputs[name], known[name].dtype)}`;
    });
    const body = `{"signature_name":${JSON.stringify(signature)},"inputs":{${fields.join(",")}}}`;
    const { outputs } = await this.ask(body, signal);
    const names = this.names(signature, "outputs");
    // One output comes without its name.
    return names.length === 1 ? { [names[0]]: outputs } : outputs;
  }
}
