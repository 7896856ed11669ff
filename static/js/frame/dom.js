// The three short names every module uses. Nothing here knows a page.

/** @type {(selector: string, from?: ParentNode) => HTMLElement | null} */
export const one = (selector, from = document) => from.querySelector(selector);

/** @type {(selector: string, from?: ParentNode) => HTMLElement[]} */
export const all = (selector, from = document) => [...from.querySelectorAll(selector)];

/** Icons are cloned from a template that the server rendered, so the sprite's address stays its own. */
export function icon(name, className = "icon") {
  const copy = one("#icon-template").content.firstElementChild.cloneNode(true);
  copy.setAttribute("class", className);
  const use = copy.firstElementChild;
  use.setAttribute("href", use.getAttribute("href").replace(/#.*$/, `#${name}`));
  return copy;
}

/**
 * Say whether keys belong to `node` just now: something is typed in, or a dialog is open. For a moment
 * after a dialog closed, its field still has the focus; nobody types there any more.
 */
export const typing = (node) =>
  !node.closest?.("dialog:not([open])") &&
  Boolean(node.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog[open]"));
