// The bar of FitBar: a button a section, one stop of the Tab key, arrow keys between them. Text only as textContent.

const number = new Intl.NumberFormat("en");

function make(tag, className, text = "") {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}

function caption(model) {
  const [tokens, reserve, window] = ["tokens", "reserve", "window"].map((name) => model.get(name));
  const over = tokens + reserve - window;
  const verdict = over > 0 ? `does not fit: ${number.format(over)} tokens too many` : "fits";
  const node = make("div", "wbw-caption");
  node.append(
    make("strong", "", model.get("document_name")),
    ` ${verdict}. ${number.format(tokens)} tokens and ${number.format(reserve)} for question and answer, ` +
      `of the ${number.format(window)} that ${model.get("model")} holds.`,
  );
  return node;
}

function filling(className, tokens, whole, label) {
  const node = make("span", className);
  node.style.width = `${(100 * tokens) / whole}%`;
  node.title = `${label}: ${number.format(tokens)} tokens`;
  return node;
}

function sectionButton(section, index, whole, line) {
  const node = make("button", "wbw-part");
  const label = `${section.title}: ${number.format(section.tokens)} tokens`;
  node.type = "button";
  node.tabIndex = index === 0 ? 0 : -1;
  node.style.width = `${(100 * section.tokens) / whole}%`;
  node.title = label;
  node.setAttribute("aria-label", label);
  for (const name of ["focus", "mouseenter"]) node.addEventListener(name, () => (line.textContent = label));
  return node;
}

function moveWithArrows(bar, buttons) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  bar.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(event.target);
    if (at < 0 || !(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    const next = Math.min(Math.max(at + steps[event.key], 0), buttons.length - 1);
    buttons[at].tabIndex = -1;
    buttons[next].tabIndex = 0;
    buttons[next].focus();
  });
}

function draw(model, el) {
  const [tokens, reserve, window] = ["tokens", "reserve", "window"].map((name) => model.get(name));
  const sections = model.get("sections");
  const whole = Math.max(window, tokens + reserve);
  const rest = Math.max(tokens - sections.reduce((sum, section) => sum + section.tokens, 0), 0);
  const root = make("div", "wbw-fit");
  const bar = make("div", "wbw-bar");
  const line = make("div", "wbw-line");
  root.dataset.fits = String(tokens + reserve <= window);
  line.setAttribute("aria-live", "polite");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", `${number.format(tokens + reserve)} of ${number.format(window)} tokens`);
  const buttons = sections.map((section, index) => sectionButton(section, index, whole, line));
  bar.append(...buttons, filling("wbw-frame", rest, whole, "Frame"), filling("wbw-kept", reserve, whole, "Kept"));
  if (tokens + reserve > window) {
    const limit = make("i", "wbw-limit");
    limit.style.left = `${(100 * window) / whole}%`;
    bar.append(limit);
  }
  moveWithArrows(bar, buttons);
  root.append(caption(model), bar, line);
  el.replaceChildren(root);
}

function render({ model, el }) {
  const redraw = () => draw(model, el);
  model.on("change", redraw);
  redraw();
  return () => model.off("change", redraw);
}

export default { render };
