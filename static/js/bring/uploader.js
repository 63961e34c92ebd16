// Sends files a few at a time, each again until the server says what became of it.

import { isReadable } from "./files.js";
import { Later, Refused } from "./site.js";

const AT_ONCE = 3;
const MOST_FILES = 20;
const MOST_BYTES = 8 * 2 ** 20;
const LONGEST_PAUSE = 30;

export class Uploader {
  #queue;
  #ended = null;

  /** `changed(item)` after each change of an item; `trouble(words)`, empty once it is over. */
  constructor(site, batch, items, { changed, trouble }) {
    Object.assign(this, { site, batch, changed, trouble });
    this.#queue = items.filter((item) => item.state === "waiting");
  }

  /** Until every item is taken or refused. Throws what ends the whole upload. */
  async run() {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#work()));
    if (this.#ended) throw this.#ended;
  }

  async #work() {
    while (this.#queue.length && !this.#ended) await this.#send(this.#next());
  }

  /** An archive alone; images until they are many or much. */
  #next() {
    const group = [this.#queue.shift()];
    let bytes = group[0].size;
    while (this.#queue.length && !group[0].isArchive && group.length < MOST_FILES) {
      const [item] = this.#queue;
      bytes += item.size;
      if (item.isArchive || bytes > MOST_BYTES) break;
      group.push(this.#queue.shift());
    }
    return group;
  }

  async #send(group) {
    for (let pause = 1; !this.#ended; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      try {
        this.#set(group, { state: "sending" });
        const answer = await this.site.add(this.batch, group, (share) => this.#sent(group, share));
        this.trouble("");
        return this.#settle(group, answer.files);
      } catch (error) {
        group = await this.#afterwards(group, error, pause);
        if (!group.length) return;
      }
    }
  }

  /** What is left to send of a group after an error. */
  async #afterwards(group, error, pause) {
    this.#set(group, { state: "waiting", sent: 0 });
    if (error instanceof Later) {
      const readable = await this.#readable(group);
      if (readable.length < group.length) return readable;
      const seconds = error.seconds || pause;
      this.trouble(`${error.message} What was sent is kept; the rest goes on by itself.`);
      await online(seconds);
      return group;
    }
    if (error instanceof Refused && group.length > 1) {
      // One of them may be what is wrong with all.
      for (const item of group) await this.#send([item]);
    } else if (error instanceof Refused) {
      this.#set(group, { state: "refused", reason: error.message });
    } else {
      this.#ended ??= error;
    }
    return [];
  }

  /** A file that was moved since it was chosen fails as a network does, but for good. */
  async #readable(group) {
    const kept = [];
    for (const item of group) {
      if (await isReadable(item.file)) kept.push(item);
      else this.#set([item], { state: "refused", reason: "It was moved or changed meanwhile." });
    }
    return kept;
  }

  #sent(group, share) {
    let bytes = share * group.reduce((sum, item) => sum + item.size, 0);
    for (const item of group) {
      this.#set([item], { sent: Math.max(0, Math.min(item.size, bytes)) });
      bytes -= item.size;
    }
  }

  #settle(group, answers) {
    if (group[0].isArchive) return this.#settleArchive(group[0], answers);
    group.forEach((item, place) => {
      const { reason, identical } = answers[place];
      this.#set([item], { state: reason ? "refused" : "taken", reason, identical, sent: item.size });
    });
  }

  #settleArchive(item, answers) {
    const refused = answers.filter((answer) => answer.reason);
    const identical = answers.flatMap((answer) => answer.identical);
    const inside = { taken: answers.length - refused.length, refused };
    this.#set([item], { state: "taken", inside, identical, sent: item.size });
  }

  #set(items, fields) {
    for (const item of items) {
      Object.assign(item, fields);
      this.changed(item);
    }
  }
}

/** After some seconds, or as soon as the browser has a network again. */
function online(seconds) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    window.addEventListener("online", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
