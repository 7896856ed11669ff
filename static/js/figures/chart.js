// A small line over time, drawn as SVG. It never takes a style from a script: the policy of the page
// forbids that, so the look is in the style sheet and only points are set here.

const SVG = "http://www.w3.org/2000/svg";
const KEPT = 60;
const HEIGHT = 20;
const WIDTH = 100;

export class Chart {
  /** @param {SVGElement} box @param {(number: number) => string} words @param {number} least top of the scale */
  constructor(box, words, least) {
    this.box = box;
    this.words = words;
    this.least = least;
    this.numbers = [];
    this.area = box.appendChild(document.createElementNS(SVG, "polygon"));
    this.area.setAttribute("class", "a");
    this.line = box.appendChild(document.createElementNS(SVG, "polyline"));
    this.line.setAttribute("class", "l");
  }

  /** @param {number | null} number the newest; null leaves a place empty at the left only */
  add(number) {
    if (number === null) return;
    this.numbers.push(number);
    if (this.numbers.length > KEPT) this.numbers.shift();
    this.draw();
  }

  clear() {
    this.numbers = [];
    this.draw();
  }

  draw() {
    const top = Math.max(this.least, ...this.numbers);
    const step = WIDTH / (KEPT - 1);
    const first = WIDTH - (this.numbers.length - 1) * step;
    const place = (number, at) => `${(first + at * step).toFixed(1)},${(HEIGHT - (number / top) * (HEIGHT - 1)).toFixed(1)}`;
    const points = this.numbers.map(place);
    this.line.setAttribute("points", points.join(" "));
    const ends = points.length > 1 ? [`${first.toFixed(1)},${HEIGHT}`, ...points, `${WIDTH},${HEIGHT}`] : [];
    this.area.setAttribute("points", ends.join(" "));
    this.box.setAttribute("aria-label", this.described());
  }

  /** What the line shows, for whoever does not see it. */
  described() {
    const name = this.box.dataset.name;
    if (!this.numbers.length) return `${name}: nothing yet`;
    const told = (number) => this.words(number);
    const now = this.numbers.at(-1);
    return `${name}: now ${told(now)}, between ${told(Math.min(...this.numbers))} and ${told(Math.max(...this.numbers))} in the last two minutes`;
  }
}
