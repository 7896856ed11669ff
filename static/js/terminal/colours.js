// The terminal's colours are the page's: custom properties that know light from dark, resolved here to
// what xterm can read, and again whenever the theme changes.

const ANSI = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

/** Any colour that CSS knows as #rrggbb: a pixel of it is looked at. */
function plain(colour) {
  const paper = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  paper.fillStyle = colour;
  paper.fillRect(0, 0, 1, 1);
  const [red, green, blue] = paper.getImageData(0, 0, 1, 1).data;
  return `#${[red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** @param {HTMLElement} box an element in whose scheme the properties are resolved */
export function theme(box) {
  const probe = document.createElement("span");
  probe.hidden = true;
  box.append(probe);
  const value = (name) => {
    probe.style.color = `var(${name})`;
    return plain(getComputedStyle(probe).color);
  };
  const colours = {
    background: value("--term-background"),
    foreground: value("--term-ink"),
    cursor: value("--term-cursor"),
    cursorAccent: value("--term-background"),
    selectionBackground: value("--term-selection"),
  };
  for (const name of ANSI) {
    colours[name] = value(`--term-${name}`);
    colours[`bright${name[0].toUpperCase()}${name.slice(1)}`] = value(`--term-bright-${name}`);
  }
  probe.remove();
  return colours;
}

/** Call `changed` when the reader or the system chooses another theme. */
export function onTheme(changed) {
  const watcher = new MutationObserver(changed);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
