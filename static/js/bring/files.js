// Files as they were dropped or chosen, each with the path that it lay at.

// What systems leave in folders beside what people put there.
const LEFT_BY_SYSTEMS = /(^|\/)(\.|__MACOSX\/|Thumbs\.db$|desktop\.ini$)/i;

export function isWorthSending({ path }) {
  return !LEFT_BY_SYSTEMS.test(path);
}

export function chosenFiles(input) {
  return [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Files and whole folders. To be called while the event lasts, which empties its items. */
export async function droppedFiles(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) await collect(entry, found);
  return found;
}

async function collect(entry, found) {
  if (entry instanceof File) {
    found.push({ file: entry, path: entry.name });
  } else if (entry?.isDirectory) {
    for (const inner of await children(entry)) await collect(inner, found);
  } else if (entry) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path: entry.fullPath.replace(/^\//, "") });
  }
}

async function children(folder) {
  const reader = folder.createReader();
  const found = [];
  // It gives a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...some);
  }
}

/** Whether the file is still where it was, unchanged. */
export async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** The key by which the server knows a file; empty where the browser keeps digests to HTTPS. */
export async function keyOf({ file, path }) {
  if (!globalThis.crypto?.subtle) return "";
  const content = await sha256(await file.arrayBuffer());
  return sha256(new TextEncoder().encode(`${path}\0${content}`));
}

async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
