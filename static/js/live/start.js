// Joins the link, the sign in the top bar and the refresh of the page.
import { one } from "../frame/dom.js";
import { EventLink } from "./link.js";
import { refreshSoon } from "./refresh.js";

const start = one("#seq");

function sign(state, words) {
  const live = one("#live");
  if (!live || live.dataset.link === state) return;
  live.dataset.link = state;
  one("use", live).setAttribute("href", one("use", live).getAttribute("href").replace(/#.*$/, state === "live" ? "#s-running" : "#s-starting"));
  one("[data-words]", live).textContent = words;
}

if (start) {
  const link = new EventLink(Number(start.dataset.seq));
  let heard = new Date();
  link.addEventListener("live", () => {
    heard = new Date();
    sign("live", "Live");
  });
  link.addEventListener("lost", () => sign("lost", `Reconnecting, as of ${heard.toLocaleTimeString([], { hour12: false })}`));
  link.addEventListener("stale", refreshSoon);
  link.addEventListener("change", (event) => {
    document.dispatchEvent(new CustomEvent("moorage:event", { detail: event.detail }));
    refreshSoon();
  });
  document.addEventListener("moorage:seq", (event) => {
    link.seq = Math.max(link.seq, event.detail);
  });
  addEventListener("pageshow", (event) => event.persisted && refreshSoon());
  link.connect();
}
