// xterm writes its colours and sizes into <style> elements, which our policy refuses: they may not be
// told from ones that somebody smuggled in. Sheets that a script makes are no inline style, so each such
// element is replaced by an empty one that passes its text on to a sheet of the document's own.

/** An element that looks like a <style> to whoever sets its text, and has its rules applied. */
function standIn(page, create) {
  const element = create.call(page, "span");
  const sheet = new CSSStyleSheet();
  element.hidden = true;
  page.adoptedStyleSheets = [...page.adoptedStyleSheets, sheet];
  Object.defineProperty(element, "textContent", { get: () => "", set: (rules) => sheet.replaceSync(rules) });
  element.remove = () => {
    Element.prototype.remove.call(element);
    page.adoptedStyleSheets = page.adoptedStyleSheets.filter((one) => one !== sheet);
  };
  return element;
}

/**
 * Run `work`, in which every <style> that is made becomes a sheet of the document.
 * @param {Document} page
 * @param {() => void} work
 */
export function withAdoptedStyles(page, work) {
  const create = page.createElement;
  page.createElement = (name, options) =>
    String(name).toLowerCase() === "style" ? standIn(page, create) : create.call(page, name, options);
  try {
    work();
  } finally {
    delete page.createElement;
  }
}
