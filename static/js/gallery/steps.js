// What people say of images: shown at once, sent one after another, taken back where it is refused.

import { page, rowOfResult, rows } from "./data.js";
import { put } from "./grid.js";
import { say } from "./messages.js";
import { post } from "./requests.js";

let chain = Promise.resolve();
let waiting = 0;
const ownSteps = new Set();
const pending = new Map();
let until = page.until;

export const seenUntil = (moment) => { until = moment; };
export const isPending = (id) => (pending.get(id) ?? 0) > 0;
export const isOwn = (step) => ownSteps.has(step);

function hold(ids, difference) {
  for (const id of ids) pending.set(id, (pending.get(id) ?? 0) + difference);
}

function inTurn(job) {
  waiting += 1;
  document.body.classList.toggle("is-saving", true);
  chain = chain.then(job).finally(() => {
    waiting -= 1;
    document.body.classList.toggle("is-saving", waiting > 0);
    if (!waiting) document.body.dispatchEvent(new CustomEvent("reviewed"));
  });
  return chain;
}

window.addEventListener("beforeunload", (event) => {
  if (waiting) event.preventDefault();
});

function show(results) {
  for (const result of results) if (!isPending(result.id)) put(rowOfResult(result));
}

function expected(row, said) {
  const label = said.confirm ? row.predicted : said.label ?? row.label;
  const changed = { ...row, label, note: said.note ?? row.note };
  if (!label) return changed;
  const state = label === row.predicted ? "confirmed" : label === "cannot tell" ? "unclear" : "corrected";
  return { ...changed, state, group: label };
}

// Says something of images: { label }, { note } or { confirm: true }.
export function take(ids, said) {
  const before = ids.map((id) => rows.get(id));
  for (const row of before) put(expected(row, said));
  hold(ids, 1);
  return inTurn(async () => {
    try {
      const step = await post("reviews/", { predictions: ids, seen_at: until, ...said });
      hold(ids, -1);
      tellOverridden(step.overridden);
      if (step.step) ownSteps.add(step.step);
      show(step.predictions);
    } catch (refusal) {
      hold(ids, -1);
      for (const row of before) if (!isPending(row.id)) put(row);
      say(`${refusal.message} This change was taken back; everything before it is kept.`, { isTrouble: true });
    }
  });
}

// Somebody, or this person in another tab, said something since this page last looked.
function tellOverridden(reviews) {
  const others = reviews.filter((each) => !ownSteps.has(each.step) && each.label);
  if (!others.length) return;
  const [first] = others;
  const more = others.length > 1 ? ` and ${others.length - 1} more` : "";
  say(
    `Meanwhile ${first.reader ?? "somebody"} had said “${first.label}”${more}. ` +
    "What you said counts now; both are kept in the history of the image.",
    { isTrouble: true },
  );
}

function back(path, words, nothing) {
  return inTurn(async () => {
    try {
      const step = await post(path, page.batch ? { batch: page.batch } : {});
      if (step.step) ownSteps.add(step.step);
      show(step.predictions);
      const number = step.predictions.length;
      if (number) say(`${words} ${number.toLocaleString("en")} image${number === 1 ? "" : "s"}.`);
      else if (!step.left.length) say(nothing);
      if (step.left.length) say(`${step.left.length} stayed as they are: somebody reviewed them since.`, { isTrouble: true });
    } catch (refusal) {
      say(`${refusal.message} Nothing was changed.`, { isTrouble: true });
    }
  });
}

export const undo = () => back("reviews/undo/", "Undone for", "There is nothing to undo.");
export const redo = () => back("reviews/redo/", "Done again for", "There is nothing to do again.");
