// Pointer and touch: clicks, dragging to another group, the lasso, a long press.

import { rows } from "./data.js";
import { cellAt, gallery, isLocked } from "./grid.js";
import { open } from "./large.js";
import { choose, chosen, clear, focus, select, tilesIn, toggle } from "./selection.js";
import { label } from "./keys.js";

const FAR_ENOUGH = 6;
const LONG_PRESS = 500;
const ghost = document.getElementById("ghost");
const lasso = document.getElementById("lasso");
let press = null;

const NOT_GROUND = "button, a, input, label, summary, dialog, .label-bar, .card";

document.getElementById("main").addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || (event.target instanceof Element && event.target.closest(NOT_GROUND))) return;
  const cell = cellAt(event.target);
  press = { x: event.clientX, y: event.clientY + window.scrollY, cell, event, mode: "", kept: [...chosen] };
  if (event.pointerType === "touch") press.timer = setTimeout(longPress, LONG_PRESS);
  else if (cell) focus(cell.dataset.id);
});

function longPress() {
  if (!press?.cell || press.mode) return;
  const { id } = press.cell.dataset;
  press = null;
  open(id);
}

document.addEventListener("pointermove", (event) => {
  if (!press) return;
  const distance = Math.hypot(event.clientX - press.x, event.clientY + window.scrollY - press.y);
  if (!press.mode && distance > FAR_ENOUGH) start(event);
  if (press?.mode === "drag") drag(event);
  if (press?.mode === "lasso") draw(event);
});

function start(event) {
  // A finger that moves scrolls the page.
  if (event.pointerType === "touch") return void stop();
  press.mode = press.cell && !press.event.shiftKey ? "drag" : "lasso";
  if (press.mode === "drag" && isLocked) return void stop();
  document.body.classList.add("is-dragging");
  window.getSelection()?.removeAllRanges();
  if (press.mode === "drag" && !chosen.has(press.cell.dataset.id)) choose([press.cell.dataset.id]);
}

function place(event) {
  const under = document.elementFromPoint(event.clientX, event.clientY);
  return under?.closest("[data-label], [data-group]") ?? null;
}

function nameOf(target) {
  return target?.dataset.label ?? target?.dataset.group;
}

function drag(event) {
  ghost.hidden = false;
  ghost.style.transform = `translate(${event.clientX + 12}px, ${event.clientY + 12}px)`;
  const target = place(event);
  const words = nameOf(target);
  ghost.textContent = `${chosen.size} ${words ? `→ ${words}` : ""}`;
  for (const each of document.querySelectorAll(".is-over")) each.classList.remove("is-over");
  target?.classList.add("is-over");
  const edge = 60;
  if (event.clientY < edge) window.scrollBy(0, -16);
  if (event.clientY > window.innerHeight - edge) window.scrollBy(0, 16);
}

function draw(event) {
  const y = press.y - window.scrollY;
  const box = {
    left: Math.min(press.x, event.clientX), right: Math.max(press.x, event.clientX),
    top: Math.min(y, event.clientY), bottom: Math.max(y, event.clientY),
  };
  lasso.hidden = false;
  lasso.style.transform = `translate(${box.left}px, ${box.top}px)`;
  lasso.style.width = `${box.right - box.left}px`;
  lasso.style.height = `${box.bottom - box.top}px`;
  const added = press.event.ctrlKey || press.event.shiftKey ? press.kept : [];
  choose([...added, ...tilesIn(box)]);
}

document.addEventListener("pointerup", (event) => {
  if (!press) return;
  const { cell, mode } = press;
  const target = mode === "drag" ? place(event) : null;
  const wasTouch = press.event.pointerType === "touch";
  stop();
  if (mode === "drag") {
    const name = nameOf(target);
    if (name && [...chosen].some((id) => rows.get(id)?.group !== name)) label(name);
  } else if (!mode && cell) {
    if (wasTouch) toggle(cell.dataset.id);
    else select(event, cell.dataset.id);
  } else if (!mode) clear();
});

document.addEventListener("pointercancel", stop);

function stop() {
  clearTimeout(press?.timer);
  press = null;
  ghost.hidden = true;
  lasso.hidden = true;
  document.body.classList.remove("is-dragging");
  for (const each of document.querySelectorAll(".is-over")) each.classList.remove("is-over");
}

gallery.addEventListener("dblclick", (event) => {
  const cell = cellAt(event.target);
  if (cell) open(cell.dataset.id);
});

// On a phone a long press would bring the browser's own menu.
gallery.addEventListener("contextmenu", (event) => {
  if (cellAt(event.target) && window.matchMedia("(pointer: coarse)").matches) event.preventDefault();
});
