// Shows what the proxy says of itself, each second anew. Everything is put in as text.

const WORDS = {
  passed: "exchanges",
  judged: "judged",
  kept: "requirements kept",
  under_way: "in progress",
  waiting: "waiting to be judged",
  callers: "callers counted",
};

const at = (id) => document.getElementById(id);

function element(name, text, kind = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function number(word, value) {
  const pair = document.createElement("div");
  pair.append(element("dt", word), element("dd", String(value)));
  return pair;
}

function show(view) {
  for (const id of ["here", "upstream", "since"]) at(id).textContent = view[id];
  const numbers = Object.entries(WORDS).map(([name, word]) => number(word, view[name]));
  at("numbers").replaceChildren(...numbers);
  for (const [id, counts] of [["answers", view.answers], ["not_judged", view.not_judged]]) {
    const lines = Object.entries(counts).map(([what, count]) => number(what, count));
    at(id).replaceChildren(...lines);
    at(id).closest("section").hidden = lines.length === 0;
  }
  const lines = view.breaches.map((one) =>
    element("li", one.line, one.level === "documented" ? "documented" : "advice"));
  at("breaches").replaceChildren(...lines);
  at("none").hidden = lines.length > 0;
  at("writing").hidden = !view.directory;
  at("directory").textContent = view.directory ?? "";
}

async function look() {
  try {
    show(await (await fetch("status.json")).json());
    at("trouble").hidden = true;
  } catch {
    at("trouble").hidden = false;
  }
  setTimeout(look, 1000);
}

at("write").addEventListener("click", async () => {
  const answer = await fetch("reports", { method: "POST" }).catch(() => null);
  at("written").textContent = answer?.ok ? "written" : "could not be written";
});

look();
