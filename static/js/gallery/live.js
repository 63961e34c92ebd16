// What comes later: the rest of each group, and what changes on the server.

import { page, rowOf, rows } from "./data.js";
import { allSections, cellsOf, loadTheOthers, put, remove, settleAll } from "./grid.js";
import { get } from "./requests.js";
import { isPending, seenUntil } from "./steps.js";

const SHORTEST = 1000;
const LONGEST = 30000;
let since = page.until;
let pause = SHORTEST;

// The least certain come first, so that each group fills in its order.
export async function loadAll() {
  for (const values of page.rows) put(rowOf(values), { isCounted: true });
  settleAll();
  if (allSections().some((section) => cellsOf(section).length < section.total)) await loadTheRest();
  for (const section of allSections()) section.isComplete = true;
  settleAll();
  loadTheOthers();
}

async function loadTheRest() {
  let after = "";
  do {
    const answer = await get(page.rows_url, { after });
    for (const row of answer.rows.map(rowOf)) if (!rows.has(row.id)) put(row, { isCounted: true });
    after = answer.next;
  } while (after);
}

export function watch() {
  if (page.changes_url) setTimeout(look, pause);
}

async function look() {
  if (document.hidden) return void setTimeout(look, SHORTEST);
  try {
    const answer = await get(page.changes_url, { since });
    const isNew = show(answer);
    pause = isNew ? SHORTEST : Math.min(LONGEST, pause * (answer.unfinished ? 1.25 : 1.6));
    if (answer.unfinished) pause = Math.min(pause, 4000);
    since = answer.until;
    seenUntil(since);
  } catch {
    pause = LONGEST;
  }
  setTimeout(look, pause);
}

function show(answer) {
  let isNew = false;
  for (const id of answer.deleted) if (rows.has(id)) remove(id);
  for (const values of answer.rows) {
    const row = rowOf(values);
    const known = rows.get(row.id);
    if (isPending(row.id) || (known && JSON.stringify(known) === JSON.stringify(row))) continue;
    put(row);
    isNew = true;
  }
  const waiting = document.querySelector("[data-unfinished]");
  if (waiting) {
    waiting.hidden = !answer.unfinished;
    waiting.querySelector("span").textContent = answer.unfinished.toLocaleString("en");
  }
  return isNew;
}

document.addEventListener("visibilitychange", () => { pause = SHORTEST; });
