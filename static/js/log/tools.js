// The buttons above a log: streams, wrap, times, full screen. What was chosen is remembered.
import { all, one } from "../frame/dom.js";

const KEY = "log-view";

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

function keep(choice) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...read(), ...choice }));
  } catch {
    // Storage may be switched off; then the choice lasts for this page.
  }
}

/** @param {HTMLElement} box the log */
export function startTools(box) {
  const kept = read();
  for (const button of all("[data-toggle]")) {
    const name = button.dataset.toggle;
    const set = (on) => {
      button.setAttribute("aria-pressed", String(on));
      box.dataset[name] = on ? "on" : "off";
    };
    set(kept[name] ?? true);
    button.addEventListener("click", () => {
      set(box.dataset[name] === "off");
      keep({ [name]: box.dataset[name] === "on" });
    });
  }
  for (const button of all("[data-stream-toggle]")) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      const hidden = all("[data-stream-toggle][aria-pressed=false]").map((each) => each.dataset.streamToggle);
      box.dataset.hide = hidden.join(" ");
    });
  }
  one("[data-full]")?.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else box.closest(".log-section").requestFullscreen();
  });
}
