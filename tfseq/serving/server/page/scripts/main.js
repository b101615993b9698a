// Where the page begins: the server, the model, and the views that fit its signatures.

const asked = new URLSearchParams(location.search);
const own = location.protocol.startsWith("http") ? location.origin : "http://localhost:8501";

function viewsOf(model) {
  const outputs = new Set(model.names("serving_default", "outputs"));
  const views = [];
  if (model.has("encode", "step", "decode")) views.push(new ContinueView(model));
  if (model.has("beam_search")) views.push(new SearchView(model, views[0]));
  if (model.has("score")) views.push(new ScoreView(model, views[0]));
  if (outputs.has("labels")) views.push(new LabelsView(model));
  if (outputs.has("tags")) views.push(new TagsView(model));
  if (outputs.has("forecast")) views.push(new ForecastView(model));
  return views;
}

/** Ask for server, model and token. */
function showConnection(server, names = []) {
  const form = document.getElementById("connection");
  const list = make(
    "datalist",
    { id: "names" },
    ...names.map((name) => make("option", { value: name })),
  );
  const field = (label, name, value, more = {}) =>
    make(
      "label",
      {},
      label,
      make("input", { name, value, autocomplete: "off", spellcheck: "false", ...more }),
    );
  form.replaceChildren(
    make("h2", {}, "Connection"),
    field("Server", "server", server?.address ?? asked.get("server") ?? own, {
      type: "url",
      required: true,
    }),
    field("Model", "model", asked.get("model") ?? names[0] ?? "", {
      list: "names",
      required: true,
    }),
    list,
    field("Token, if the server asks for one", "token", server?.token ?? "", { type: "password" }),
    make(
      "p",
      { class: "row" },
      make("button", { class: "primary" }, "Connect"),
      names.length ? button("Cancel", () => (form.hidden = true), { class: "quiet" }) : null,
    ),
  );
  form.hidden = false;
  form.querySelector("input").focus();
}

async function connect(address, name, token) {
  const server = new Server(address, token);
  try {
    const names = await server.models();
    if (!name && !names.length) {
      showConnection(server);
      return;
    }
    const model = await new Model(server, name || names[0]).connect();
    trouble(null);
    show(model, names.includes(model.name) ? names : [model.name, ...names]);
  } catch (error) {
    trouble(error, () => connect(address, name, token));
    showConnection(server);
  }
}

function show(model, names) {
  document.title = `${model.name} · tfseq`;
  model.onversion = (newest) => show(newest, names);
  const heading = document.getElementById("name");
  if (names.length > 1) {
    const choice = make(
      "select",
      {
        "aria-label": "Model",
        onchange: () => connect(model.server.address, choice.value, model.server.token),
      },
      ...names.map((name) => make("option", { selected: name === model.name }, name)),
    );
    heading.replaceChildren(choice);
  } else heading.textContent = model.name;
  document.getElementById("about").textContent = model.version ? `version ${model.version}` : "";
  document.getElementById("connection").hidden = true;
  const change = document.getElementById("change");
  change.hidden = false;
  change.onclick = () => showConnection(model.server, names);
  const views = viewsOf(model);
  const panels = views.map((view, index) =>
    make(
      "div",
      {
        role: "tabpanel",
        id: `panel${index}`,
        "aria-labelledby": `tab${index}`,
        hidden: index > 0,
      },
      view.element,
    ),
  );
  document.getElementById("views").replaceChildren(...panels);
  if (!views.length) {
    const signatures = Object.keys(model.signatures).join(", ");
    trouble(
      new ServerError(`This page has no view for the signatures of ${model.name}: ${signatures}.`),
    );
  }
  showTabs(views, panels);
}

function showTabs(views, panels) {
  const nav = document.getElementById("tabs");
  const tabs = views.map((view, index) =>
    button(view.title, () => views.show(index), {
      role: "tab",
      id: `tab${index}`,
      "aria-controls": `panel${index}`,
      onkeydown: (event) => {
        const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: views.length - 1 }[
          event.key
        ];
        if (tabs[to]) views.show(to, true);
      },
    }),
  );
  views.show = (chosen, focus = false) => {
    tabs.forEach((tab, index) => {
      tab.setAttribute("aria-selected", String(index === chosen));
      tab.tabIndex = index === chosen ? 0 : -1;
      panels[index].hidden = index !== chosen;
    });
    if (focus) tabs[chosen].focus();
    views[chosen].entered?.();
  };
  for (const view of views) view.leave = (other) => views.show(views.indexOf(other));
  nav.replaceChildren(...tabs);
  nav.hidden = views.length < 2;
  if (views.length) views.show(0);
}

document.getElementById("connection").addEventListener("submit", (event) => {
  event.preventDefault();
  const { server, model, token } = Object.fromEntries(new FormData(event.target));
  secrets.write(`token ${server}`, token);
  connect(server, model, token);
});
const first = asked.get("server") ?? own;
// A token is for the server that it was given for.
connect(first, asked.get("model") ?? "", secrets.read(`token ${first}`, ""));
