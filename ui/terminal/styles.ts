/**
 * xterm.js makes style elements, which the page's policy forbids as it forbids all inline styles. While it opens, it gets in their place
 * style sheets that are made by script, which the policy allows.
 */
export function withoutStyleElements(open: () => void): void {
  const own = Object.getOwnPropertyDescriptor(document, "createElement");
  const make = document.createElement.bind(document);
  Object.defineProperty(document, "createElement", {
    configurable: true,
    value: (name: string, options?: ElementCreationOptions) =>
      name === "style" ? makeSheet(make) : make(name, options),
  });
  try {
    open();
  } finally {
    if (own) Object.defineProperty(document, "createElement", own);
    else Reflect.deleteProperty(document, "createElement");
  }
}

/** An element whose text is a style sheet of the document as long as it is there. */
function makeSheet(make: (name: string) => HTMLElement): HTMLElement {
  const stand = make("span");
  stand.hidden = true;
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  Object.defineProperty(stand, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  stand.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
    Element.prototype.remove.call(stand);
  };
  return stand;
}
