// The bar of ReadingProgress, and its Stop button: a message {type: "stop"} to the kernel. Text only as textContent.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const RUNNING = new Set(["waiting", "reading"]);

function duration(seconds) {
  const whole = Math.max(Math.round(seconds), 0);
  const rest = String(whole % 60).padStart(2, "0");
  return whole >= 60 ? `${Math.floor(whole / 60)} min ${rest} s` : `${whole} s`;
}

function sentence(model) {
  const name = model.get("document_name");
  const total = number.format(model.get("total_tokens"));
  const counts = `${number.format(model.get("done_tokens"))} of ${total} tokens`;
  const place = model.get("place");
  if (model.get("stop_requested") && RUNNING.has(model.get("state"))) {
    return `Stopping at ${counts}. If this takes long, interrupt the kernel: what was read is kept.`;
  }
  switch (model.get("state")) {
    case "waiting":
      return place > 0 ? `${name} waits, ${place} ahead of it.` : `${name} waits to be read: ${total} tokens.`;
    case "done":
      return `Read ${name}: ${total} tokens.`;
    case "stopped":
      return `Stopped reading ${name} at ${counts}; read again to go on from there.`;
    case "failed":
      return `Reading ${name} failed at ${counts}.`;
    default: {
      const speed = model.get("tokens_per_s");
      const left = model.get("left_s");
      const figures = [`Reading ${name}: ${counts}`];
      if (speed > 0) figures.push(`${number.format(speed)} tokens a second`);
      if (left !== null && left !== undefined) figures.push(`${duration(left)} left`);
      return figures.join(" · ");
    }
  }
}

function build() {
  const [root, bar, fill, line, note] = [0, 0, 0, 0, 0].map(() => document.createElement("div"));
  const stop = document.createElement("button");
  root.className = "wbw-reading";
  bar.className = "wbw-bar";
  line.className = "wbw-line";
  note.className = "wbw-line wbw-quiet";
  stop.type = "button";
  stop.textContent = "Stop";
  stop.setAttribute("aria-label", "Stop reading");
  bar.setAttribute("role", "progressbar");
  bar.setAttribute("aria-label", "Reading");
  bar.setAttribute("aria-valuemin", "0");
  bar.setAttribute("aria-valuemax", "100");
  bar.append(fill);
  root.append(bar, stop, line, note);
  return { root, bar, fill, line, note, stop };
}

function render({ model, el }) {
  const { root, bar, fill, line, note, stop } = build();
  const update = () => {
    const total = model.get("total_tokens");
    const state = model.get("state");
    const share = state === "done" ? 1 : total > 0 ? Math.min(model.get("done_tokens") / total, 1) : 0;
    root.dataset.state = state;
    fill.style.width = `${100 * share}%`;
    bar.setAttribute("aria-valuenow", String(Math.round(100 * share)));
    line.textContent = sentence(model);
    note.textContent = model.get("note");
    note.hidden = !model.get("note");
    stop.hidden = !RUNNING.has(state);
    stop.disabled = model.get("stop_requested");
  };
  stop.addEventListener("click", () => {
    model.send({ type: "stop" });
    stop.disabled = true;
    line.textContent = "Stopping. If this takes long, interrupt the kernel: what was read is kept.";
  });
  model.on("change", update);
  update();
  el.replaceChildren(root);
  return () => model.off("change", update);
}

export default { render };
