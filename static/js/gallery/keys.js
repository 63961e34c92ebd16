// Keys, and the buttons that do the same.

import { page, rows } from "./data.js";
import { idsOf, isLocked, sectionNamed } from "./grid.js";
import * as large from "./large.js";
import { say } from "./messages.js";
import { chooseGroup, chosen, clear, currentId, focus, lookUnderPointer, move, nextAfter, targetSection, targets, toggle } from "./selection.js";
import { redo, take, undo } from "./steps.js";

const help = document.getElementById("keys");
const noteDialog = document.getElementById("note");
const byKey = new Map(page.labels.filter(([, key]) => key).map(([name, key]) => [key, name]));
const OFF = "gallery-keys-off";
let pointer = { x: -1, y: -1 };

document.addEventListener("pointermove", (event) => { pointer = { x: event.clientX, y: event.clientY }; }, { passive: true });

const NOT_A_CLASS = new Set(["unlike the training data", "undecided"]);

function subject() {
  if (large.isOpen()) return [large.shownId()];
  const ids = targets();
  if (!ids.length) say("Choose an image first, or put the pointer on one.");
  return ids;
}

function mayReview() {
  if (isLocked) say("This batch is locked, or you may only look at it.", { isTrouble: true });
  return !isLocked;
}

// Goes on with what comes after the images, which may leave their group.
function goOn(ids, step) {
  const next = nextAfter(ids);
  const hadFocus = ids.includes(currentId()) || document.activeElement === document.body;
  step();
  clear();
  if (large.isOpen()) large.goOn(next);
  else if (hadFocus && next) focus(next);
  requestAnimationFrame(() => lookUnderPointer(pointer));
}

export function label(name) {
  if (NOT_A_CLASS.has(name)) return void say(`“${name}” is for the model to say. Drop it on a class.`);
  const ids = mayReview() ? subject() : [];
  if (ids.length) goOn(ids, () => take(ids, { label: name }));
}

export function confirm() {
  const ids = mayReview() ? subject() : [];
  if (ids.length) goOn(ids, () => take(ids, { confirm: true }));
}

export function confirmGroup(section = targetSection()) {
  if (!section || !mayReview()) return;
  const ids = idsOf(section).filter((id) => rows.get(id).state === "unreviewed");
  if (!ids.length) return void say(`Everything in “${section.name}” has been reviewed.`);
  take(ids, { confirm: true });
  clear();
  say(`${ids.length.toLocaleString("en")} confirmed in “${section.name}”. U undoes it.`);
}

let noted = [];

export function writeNote() {
  noted = mayReview() ? subject() : [];
  if (!noted.length) return;
  const field = noteDialog.querySelector("textarea");
  field.value = noted.length === 1 ? rows.get(noted[0]).note : "";
  noteDialog.querySelector(".note-about").textContent =
    noted.length === 1 ? rows.get(noted[0]).name : `${noted.length} images`;
  noteDialog.showModal();
}

noteDialog.querySelector("form").addEventListener("submit", (event) => {
  if (event.submitter?.value !== "save") return;
  take(noted, { note: noteDialog.querySelector("textarea").value.trim() });
});

function openLarge() {
  const [first] = targets();
  if (first) large.open(first);
}

const COMMANDS = {
  " ": openLarge,
  Enter: confirm,
  c: () => (chosen.size || large.isOpen() ? confirm() : confirmGroup()),
  n: writeNote,
  u: undo,
  U: redo,
  x: () => targets().slice(0, 1).forEach(toggle),
  Escape: clear,
  "?": () => help.showModal(),
};

const WITH_CTRL = { z: undo, Z: redo, y: redo, a: chooseGroup };

function isElsewhere(event) {
  return event.target instanceof Element
    && (event.target.closest("input, textarea, select, summary, [contenteditable]")
      || event.target.closest("dialog:not(#large)"));
}

function isOnButton(event) {
  return [" ", "Enter"].includes(event.key) && event.target instanceof Element && event.target.closest("button, a");
}

document.addEventListener("keydown", (event) => {
  if (isElsewhere(event) || isOnButton(event) || event.altKey) return;
  if (event.ctrlKey || event.metaKey) {
    const command = WITH_CTRL[event.key] ?? WITH_CTRL[event.shiftKey ? event.key : event.key.toLowerCase()];
    if (command && !(large.isOpen() && event.key === "a")) {
      event.preventDefault();
      command();
      return;
    }
  }
  if (large.isOpen() ? large.key(event) : move(event)) return void event.preventDefault();
  if (event.ctrlKey || event.metaKey) return;
  const isCharacter = event.key.length === 1 && event.key !== " ";
  if (isCharacter && localStorage.getItem(OFF) && !large.isOpen()) return;
  const name = byKey.get(event.key);
  const command = name ? () => label(name) : COMMANDS[event.key];
  if (!command || (event.key === " " && large.isOpen())) return;
  if (event.key === "Escape" && large.isOpen()) return;
  event.preventDefault();
  command();
});

const BUTTONS = { undo, redo, confirm, note: writeNote, clear, keys: () => help.showModal(), large: openLarge };

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (!button) return;
  if (button.dataset.label) label(button.dataset.label);
  if (button.dataset.command) BUTTONS[button.dataset.command]?.();
  if ("confirmGroup" in button.dataset) confirmGroup(sectionNamed(button.closest("[data-group]").dataset.group));
});

const switchOff = document.getElementById("keys-on");
switchOff.checked = !localStorage.getItem(OFF);
switchOff.addEventListener("change", () => {
  if (switchOff.checked) localStorage.removeItem(OFF);
  else localStorage.setItem(OFF, "1");
});
