// The page can be read without a script; with one, it can be filtered and copied from.

for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const shown = button.parentElement.querySelector("pre").textContent;
    await navigator.clipboard.writeText(button.dataset.whole ?? shown);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}

const filter = document.querySelector(".filter");
const fields = [...filter.querySelectorAll("[name]")];
const rows = [...document.querySelectorAll("[data-requirement]")].map((element) => (
  { element, facts: element.dataset, text: element.textContent.toLowerCase() }
));
const total = new Set(rows.map((row) => row.facts.requirement)).size;

const matches = (row) => fields.every(({ name, value }) => (
  name === "words"
    ? value.toLowerCase().split(/\s+/).every((word) => row.text.includes(word))
    : value === "" || row.facts[name] === value
));

const apply = () => {
  const active = fields.some((field) => field.value.trim() !== "");
  const shown = new Set();
  for (const row of rows) {
    // What stands in a section of its own is not shown once more below.
    const visible = !active || (!("again" in row.facts) && matches(row));
    row.element.hidden = !visible;
    if (visible) shown.add(row.facts.requirement);
  }
  for (const fold of document.querySelectorAll(".fold, [data-section]")) {
    fold.hidden = !fold.querySelector("[data-requirement]:not([hidden])");
    if (fold.matches("details")) fold.open = active;
  }
  filter.querySelector("[role=status]").textContent = active
    ? `${shown.size} of ${total} requirements`
    : `${total} requirements`;
};

const showAll = () => {
  for (const field of fields) field.value = "";
  apply();
};

filter.hidden = false;
// On a small screen it would take the place of what is to be read.
filter.open = innerWidth > 700;
filter.addEventListener("input", apply);
filter.querySelector("button").addEventListener("click", showAll);
apply();

// A link to something folded or filtered away brings it into sight.
const unfold = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  if (target.closest("[hidden]")) showAll();
  for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();

// On paper nothing can be unfolded.
addEventListener("beforeprint", () => {
  for (const broken of document.querySelectorAll("details.finding:is(.fail, .danger)")) broken.open = true;
});
