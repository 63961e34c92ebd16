// One image large, in place: zoom, the model's pixels, probabilities, and who said what when.

import { modelView, percent, picture, rows, words } from "./data.js";
import { beside, focus } from "./selection.js";
import { ask } from "./requests.js";

const dialog = document.getElementById("large");
const frame = dialog.querySelector(".large-frame");
const image = dialog.querySelector(".large-image");
const seen = dialog.querySelector(".large-model");
const probabilities = dialog.querySelector(".large-probabilities tbody");
const history = dialog.querySelector(".large-history");
const MOST = 12;
let shown = null;
let zoom = 1;
let shift = { x: 0, y: 0 };

export const isOpen = () => dialog.open;
export const shownId = () => shown;

export function open(id) {
  show(id);
  if (!dialog.open) dialog.showModal();
}

function show(id) {
  const row = rows.get(id);
  if (!row) return;
  shown = id;
  zoomTo(1);
  image.src = picture(row);
  image.alt = row.name;
  seen.src = modelView(row);
  dialog.querySelector("h2").textContent = row.name;
  refresh();
  probabilities.replaceChildren();
  history.replaceChildren();
  details(id);
  const next = beside(id, 1);
  if (next) new Image().src = picture(rows.get(next));
}

// The answer and what was said of it, which change while the image stays.
export function refresh() {
  const row = rows.get(shown);
  if (!row) return;
  const answer = dialog.querySelector(".large-answer");
  const old = document.createElement(row.state === "corrected" || row.state === "unclear" ? "s" : "span");
  old.textContent = row.predicted;
  answer.replaceChildren(old, ` ${percent(row.confidence)}`);
  dialog.querySelector(".large-state").textContent = words(row);
  dialog.querySelector(".large-note").textContent = row.note;
}

let asked = 0;

async function details(id) {
  // Who hurries through many images is not held up by what they do not look at.
  const mine = ++asked;
  await new Promise((resolve) => setTimeout(resolve, 150));
  if (mine !== asked) return;
  try {
    const [result, reviews] = await Promise.all([ask(`predictions/${id}/`), ask(`predictions/${id}/reviews/`)]);
    if (mine !== asked) return;
    probabilities.replaceChildren(...Object.entries(result.probabilities ?? {})
      .sort(([, one], [, other]) => other - one).map(probability));
    history.replaceChildren(...reviews.map(step));
  } catch (refusal) {
    history.replaceChildren(Object.assign(document.createElement("li"), { textContent: refusal.message }));
  }
}

function probability([label, share]) {
  const line = document.createElement("tr");
  const name = Object.assign(document.createElement("th"), { textContent: label, scope: "row" });
  const bar = document.createElement("td");
  const fill = Object.assign(document.createElement("span"), { className: "probability-bar" });
  fill.style.width = `${100 * share}%`;
  bar.append(fill);
  line.append(name, bar, Object.assign(document.createElement("td"), { textContent: percent(share), className: "number" }));
  return line;
}

const ACTIONS = { review: "", undo: "undone: ", redo: "done again: " };

function step(review) {
  const what = [review.label || "as the model said", review.note && `“${review.note}”`].filter(Boolean).join(", ");
  const when = new Date(review.created_at);
  const line = document.createElement("li");
  const time = Object.assign(document.createElement("time"), {
    dateTime: review.created_at, textContent: when.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" }),
  });
  line.append(`${review.reader ?? "somebody"}: ${ACTIONS[review.action]}${what} · `, time);
  return line;
}

export function goOn(next) {
  if (next && rows.has(next)) show(next);
  else refresh();
}

function stepTo(direction) {
  const next = beside(shown, direction);
  if (next) show(next);
}

function zoomTo(wanted, at) {
  const next = Math.min(MOST, Math.max(1, wanted));
  if (at) {
    shift = { x: at.x - (at.x - shift.x) * (next / zoom), y: at.y - (at.y - shift.y) * (next / zoom) };
  }
  zoom = next;
  if (zoom === 1) shift = { x: 0, y: 0 };
  image.style.transform = `translate(${shift.x}px, ${shift.y}px) scale(${zoom})`;
  dialog.querySelector(".large-zoom").textContent = `${Math.round(100 * zoom)} %`;
}

const KEYS = {
  ArrowRight: () => stepTo(1),
  ArrowDown: () => stepTo(1),
  ArrowLeft: () => stepTo(-1),
  ArrowUp: () => stepTo(-1),
  "+": () => zoomTo(zoom * 1.5),
  "=": () => zoomTo(zoom * 1.5),
  "-": () => zoomTo(zoom / 1.5),
  " ": () => dialog.close(),
};

export function key(event) {
  const command = KEYS[event.key];
  if (command && !event.ctrlKey) command();
  return Boolean(command) && !event.ctrlKey;
}

frame.addEventListener("wheel", (event) => {
  event.preventDefault();
  const box = frame.getBoundingClientRect();
  const at = { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
  zoomTo(zoom * Math.exp(-event.deltaY / 400), at);
}, { passive: false });

let held = null;
frame.addEventListener("pointerdown", (event) => {
  held = { x: event.clientX - shift.x, y: event.clientY - shift.y };
  frame.setPointerCapture(event.pointerId);
});
frame.addEventListener("pointermove", (event) => {
  if (!held || zoom === 1) return;
  shift = { x: event.clientX - held.x, y: event.clientY - held.y };
  zoomTo(zoom);
});
frame.addEventListener("pointerup", () => { held = null; });

dialog.addEventListener("click", (event) => {
  const command = event.target instanceof Element ? event.target.closest("[data-large]")?.dataset.large : null;
  if (command === "next") stepTo(1);
  if (command === "previous") stepTo(-1);
  if (command === "in") zoomTo(zoom * 1.5);
  if (command === "out") zoomTo(zoom / 1.5);
  if (command === "close" || event.target === dialog) dialog.close();
});

dialog.addEventListener("close", () => focus(shown));
document.body.addEventListener("reviewed", refresh);
