// The files on the page: a row for each, those that were refused by name, and how far all are.

const WORDS = { waiting: "Waiting", sending: "Sending", there: "Already here" };

export function size(bytes) {
  if (bytes < 2 ** 20) return `${Math.max(1, Math.round(bytes / 2 ** 10))} KB`;
  return bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MB` : `${(bytes / 2 ** 30).toFixed(2)} GB`;
}

export function count(number, noun) {
  return `${number.toLocaleString("en-GB")} ${noun}${number === 1 ? "" : "s"}`;
}

function element(name, className, text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

export class FileList {
  #rows = new Map();
  #changed = new Set();

  constructor(form, predictions) {
    this.list = form.querySelector("#list");
    this.total = form.querySelector("#total");
    this.refused = form.querySelector("#refused");
    this.predictions = predictions;
  }

  show(items) {
    this.#rows = new Map(items.map((item) => [item, this.#row(item)]));
    this.list.replaceChildren(...this.#rows.values());
    this.#showRefused();
  }

  /** Many changes come in one frame, and each row is drawn once for all of them. */
  update(item) {
    if (!this.#changed.size) requestAnimationFrame(() => this.#draw());
    this.#changed.add(item);
  }

  #draw() {
    let isRefusedOne = false;
    for (const item of this.#changed) {
      const row = this.#rows.get(item);
      if (row) this.#fill(row, item);
      isRefusedOne ||= item.state === "refused" || Boolean(item.inside);
    }
    this.#changed.clear();
    if (isRefusedOne) this.#showRefused();
    this.#showTotal();
  }

  #row(item) {
    const row = element("li", "bring-row");
    const path = element("span", "bring-path", item.path);
    path.title = item.path;
    const bar = element("progress", "");
    bar.setAttribute("aria-label", `Upload of ${item.path}`);
    row.append(path, element("span", "bring-size", size(item.size)), bar, element("span", "bring-state"));
    this.#fill(row, item);
    return row;
  }

  #fill(row, item) {
    row.className = `bring-row is-${item.state}`;
    const bar = row.querySelector("progress");
    bar.max = item.size || 1;
    bar.value = item.state === "there" || item.state === "taken" ? bar.max : (item.sent ?? 0);
    row.querySelector(".bring-state").replaceChildren(...this.#state(item));
  }

  #state(item) {
    if (item.inside) return [`${item.inside.taken} of ${item.inside.taken + item.inside.refused.length} images`];
    if (item.state === "refused") return ["Not taken"];
    if (item.state !== "taken") return [WORDS[item.state]];
    if (!item.identical?.length) return ["Here"];
    const link = element("a", "", "Known result");
    link.href = `${this.predictions}${item.identical[0]}/`;
    link.target = "_blank";
    link.title = "You have a result of the same file by the same model.";
    return ["Here. ", link];
  }

  #showRefused() {
    const lines = [...this.#rows.keys()].flatMap((item) =>
      item.state === "refused"
        ? [[item.path, item.reason]]
        : (item.inside?.refused ?? []).map((each) => [`${item.path}: ${each.path}`, each.reason]),
    );
    this.refused.hidden = !lines.length;
    this.refused.querySelector("summary").textContent = `${count(lines.length, "file")} not taken`;
    this.refused.querySelector("ul").replaceChildren(
      ...lines.map(([path, reason]) => {
        const line = element("li", "");
        line.append(element("strong", "", path), ` ${reason}`);
        return line;
      }),
    );
  }

  #showTotal() {
    const items = [...this.#rows.keys()];
    const done = items.filter((item) => item.state !== "waiting" && item.state !== "sending");
    const bytes = items.reduce((sum, item) => sum + item.size, 0);
    const sent = items.reduce((sum, item) => sum + (done.includes(item) ? item.size : (item.sent ?? 0)), 0);
    const bar = this.total.querySelector("progress");
    [bar.max, bar.value] = [bytes || 1, sent];
    this.total.querySelector("span").textContent =
      `${done.length} of ${count(items.length, "file")} · ${size(sent)} of ${size(bytes)}`;
  }
}
