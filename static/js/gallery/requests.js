// Questions to the server; an error says in words what went wrong.

import { page } from "./data.js";

const CSRF = document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

export class Refused extends Error {}

async function answerOf(request) {
  let answer;
  try {
    answer = await request;
  } catch {
    throw new Refused("The server cannot be reached.");
  }
  if (answer.redirected || answer.status === 401) throw new Refused("You are signed out. Load this page again to sign in.");
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(problem(body) || `The server answered ${answer.status}.`);
  return body;
}

function problem(body) {
  const errors = Object.values(body.errors ?? {}).flat();
  return errors.length ? errors.join(" ") : body.detail;
}

export function get(url, query = {}) {
  const full = new URL(url, window.location.href);
  for (const [name, value] of Object.entries(query)) full.searchParams.set(name, value);
  return answerOf(fetch(full, { headers: { Accept: "application/json" } }));
}

export function ask(path) {
  return get(`${page.api}${path}`);
}

export function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-CSRFToken": CSRF };
  return answerOf(fetch(`${page.api}${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
}
