"use strict";
// Every text comes in by textContent: nothing that a stack file says can become markup.
const stacks = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
const state = { stack: 0, risk: "", query: "", all: false, chosen: "" };
const SVG = "http://www.w3.org/2000/svg";

function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (name) node.className = name;
  return node;
}

function visible(resource) {
  if (state.risk && !resource.risks.includes(state.risk)) return false;
  if (!state.all && !state.risk && resource.operation === "same" && !resource.fields.length) return false;
  const words = `${resource.name} ${resource.type}`.toLowerCase();
  return words.includes(state.query.toLowerCase());
}

function header() {
  const stack = stacks[state.stack];
  get("stacks").replaceChildren(...stacks.map((each, index) => {
    const tab = make("button", each.stack);
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-selected", String(index === state.stack));
    tab.addEventListener("click", () => { state.stack = index; state.risk = state.chosen = ""; draw(); });
    return tab;
  }));
  get("worst").textContent = stack.worst;
  get("worst").className = "worst " + (stack.risks.length || stack.refused.length ? "bad" : "good");
  get("counts").textContent = stack.counts.map(([key, value]) => `${value} to ${key}`).join(", ") + ` · ${stack.base} → ${stack.head}`;
  const found = stack.titles.filter(([key]) => stack.risks.some((risk) => risk.category === key));
  get("filters").replaceChildren(...found.map(([key, title]) => {
    const button = make("button", `${title} (${stack.risks.filter((risk) => risk.category === key).length})`);
    button.dataset.risk = key;
    button.setAttribute("aria-pressed", String(state.risk === key));
    button.addEventListener("click", () => { state.risk = state.risk === key ? "" : key; state.chosen = ""; draw(); });
    return button;
  }));
  get("all").setAttribute("aria-pressed", String(state.all));
}

function graph() {
  const stack = stacks[state.stack];
  const edges = document.createElementNS(SVG, "svg");
  edges.id = "edges";
  const columns = stack.columns.map((boxes) => {
    const column = make("div", undefined, "column");
    for (const name of boxes) {
      const members = stack.resources.filter((each) => each.box === name && visible(each));
      if (!members.length) continue;
      const box = make("section", undefined, "box");
      box.dataset.box = name;
      box.append(make("h3", name));
      for (const each of members.slice(0, 40)) {
        const chip = make("button", each.name, "chip " + each.operation);
        chip.dataset.urn = each.urn;
        chip.title = `${each.type}: ${each.effect || each.operation}`;
        chip.setAttribute("aria-label", `${each.name}, ${each.kind}, ${each.effect || "stays as it is"}`);
        chip.setAttribute("aria-pressed", String(each.urn === state.chosen));
        chip.tabIndex = -1;
        chip.addEventListener("click", () => choose(each.urn));
        box.append(chip);
      }
      if (members.length > 40) box.append(make("span", `and ${members.length - 40} more; search finds them`, "more"));
      column.append(box);
    }
    return column;
  }).filter((column) => column.children.length);
  get("columns").replaceChildren(edges, ...columns);
  const first = get("columns").querySelector(`.chip[aria-pressed="true"]`) || get("columns").querySelector(".chip");
  if (first) first.tabIndex = 0;
  else get("columns").append(make("p", state.risk ? "This is about no single resource: see the list." : "Nothing to show.", "faint"));
  lines(stack, edges);
}

function lines(stack, edges) {
  const frame = get("columns").getBoundingClientRect();
  const boxes = new Map([...document.querySelectorAll(".box")].map((box) => [box.dataset.box, box.getBoundingClientRect()]));
  const chosen = stack.resources.find((each) => each.urn === state.chosen);
  for (const [from, to] of stack.edges) {
    const a = boxes.get(from), b = boxes.get(to);
    if (!a || !b) continue;
    const x1 = a.right - frame.left, y1 = a.top + 14 - frame.top, x2 = b.left - frame.left, y2 = b.top + 14 - frame.top;
    const path = document.createElementNS(SVG, "path");
    const bend = Math.max(30, Math.abs(x2 - x1) / 2);
    path.setAttribute("d", `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`);
    if (chosen && (chosen.box === from || chosen.box === to)) path.setAttribute("class", "on");
    edges.append(path);
  }
}

function list(title, items) {
  if (!items.length) return [];
  const found = make("ul");
  found.append(...items.map((each) => make("li", each)));
  return [make("h2", title), found];
}

function detail() {
  const stack = stacks[state.stack], aside = get("detail");
  const each = stack.resources.find((resource) => resource.urn === state.chosen);
  const parts = [];
  if (!each) {
    for (const [who, message] of stack.refused) parts.push(make("h2", who), make("pre", message));
    for (const [key, title] of stack.titles) {
      if (!state.risk || state.risk === key) parts.push(...list(title, stack.risks.filter((risk) => risk.category === key).map((risk) => risk.text)));
    }
    parts.push(...list("Offline and engine differ", stack.differs), ...list("Outputs", stack.outputs), ...list("What this cannot know", stack.notes));
    aside.replaceChildren(...parts);
    return;
  }
  parts.push(make("h2", each.name), make("p", each.type, "faint"), make("p", each.effect || "stays as it is", "worst"));
  if (each.refused) parts.push(make("p", each.refused, "bad"));
  if (each.forced_by.length) parts.push(...list("Forced by", each.forced_by));
  parts.push(...list("Risks", stack.risks.filter((risk) => risk.urn === each.urn).map((risk) => risk.text)));
  if (each.fields.length) parts.push(make("h2", "What differs"));
  for (const field of each.fields) {
    parts.push(make("h3", field.path + (field.forces ? " (forces the replacement)" : field.ignored ? " (overlooked)" : field.cause ? ` (as ${field.cause} changes)` : "")));
    const block = make("pre");
    for (const [sign, line] of field.lines) block.append(make(sign === "+" ? "ins" : sign === "-" ? "del" : "span", `${sign} ${line}`), sign === " " ? "\n" : "");
    parts.push(block);
  }
  parts.push(make("h2", "Inputs"), make("pre", each.inputs), make("p", each.urn, "faint"));
  aside.replaceChildren(...parts);
  aside.scrollTop = 0;
}

function choose(urn) {
  state.chosen = urn;
  for (const chip of document.querySelectorAll(".chip")) {
    chip.setAttribute("aria-pressed", String(chip.dataset.urn === urn));
    chip.tabIndex = chip.dataset.urn === urn ? 0 : -1;
  }
  get("edges").replaceChildren();
  lines(stacks[state.stack], get("edges"));
  detail();
}

function draw() { header(); graph(); detail(); }

get("search").addEventListener("input", (event) => { state.query = event.target.value; graph(); });
get("all").addEventListener("click", () => { state.all = !state.all; draw(); });
document.addEventListener("keydown", (event) => {
  const chips = [...document.querySelectorAll(".chip")], at = chips.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  if (step && at >= 0) {
    event.preventDefault();
    const next = chips[(at + step + chips.length) % chips.length];
    chips[at].tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  } else if (event.key === "Escape") {
    choose("");
    const first = document.querySelector(".chip");
    if (first) first.tabIndex = 0;
  } else if (event.key === "/" && document.activeElement !== get("search")) {
    event.preventDefault();
    get("search").focus();
  }
});
addEventListener("resize", () => { get("edges").replaceChildren(); lines(stacks[state.stack], get("edges")); });
draw();
