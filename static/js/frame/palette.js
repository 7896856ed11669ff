// Command palette: the server answers with options as HTML; here is only moving and picking.
import { all, one } from "./dom.js";

const palette = one("#palette");
const query = one("#palette-query");
const list = one("#palette-list");
let asked = 0;

const options = () => all("[role=option]", list);

function pick(option) {
  for (const each of options()) each.setAttribute("aria-selected", String(each === option));
  if (option) {
    query.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else query.removeAttribute("aria-activedescendant");
}

async function ask() {
  const turn = ++asked;
  const address = new URL(palette.dataset.url, location.href);
  address.searchParams.set("q", query.value);
  const answer = await fetch(address, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || turn !== asked) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  list.replaceChildren(...page.body.childNodes);
  pick(options()[0]);
}

function run(option) {
  if (!option) return;
  palette.close();
  const { href, press } = option.dataset;
  if (press) document.getElementById(press)?.click();
  else if (href) location.assign(href);
}

/** Open it, with what fits an empty question. */
export function openPalette() {
  if (!palette || palette.open) return;
  palette.showModal();
  query.select();
  ask();
}

query?.addEventListener("input", ask);
query?.addEventListener("keydown", (event) => {
  const shown = options();
  const at = shown.findIndex((each) => each.getAttribute("aria-selected") === "true");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && shown.length) {
    event.preventDefault();
    pick(shown.at((at + step + shown.length) % shown.length));
  }
  if (event.key === "Enter") {
    event.preventDefault();
    run(shown[at]);
  }
});
list?.addEventListener("click", (event) => run(event.target.closest("[role=option]")));
