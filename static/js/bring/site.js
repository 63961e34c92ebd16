// What is asked of the server about a batch, and what its answers mean for what to do next.

const STALLED_AFTER = 60_000;

/** Not now: worth asking again, in `seconds` where the server said so. */
export class Later extends Error {
  constructor(message, seconds = 0) {
    super(message);
    this.seconds = seconds;
  }
}

/** Not these files, or not so many at once. */
export class Refused extends Error {}

/** Nothing more into this batch. */
export class Ended extends Error {}

export class Site {
  constructor(batches, form) {
    this.batches = batches;
    this.form = form;
    this.attempt = String(Math.random()).slice(2) + Date.now();
  }

  /** The same batch again where the answer to the first attempt was lost. */
  open(fields) {
    return this.ask("POST", this.batches, fields, { headers: { "Idempotency-Key": this.attempt } });
  }

  files(batch) {
    return this.ask("GET", `${this.batches}${batch}/images/`);
  }

  close(batch) {
    return this.ask("POST", `${this.batches}${batch}/close/`);
  }

  add(batch, items, onProgress) {
    const body = new FormData();
    if (items[0].isArchive) {
      body.append("archive", items[0].file, items[0].file.name);
    } else {
      for (const item of items) {
        body.append("images", item.file, item.file.name);
        body.append("paths", item.path);
      }
    }
    return this.ask("POST", `${this.batches}${batch}/images/`, body, { onProgress });
  }

  ask(method, url, body = null, { headers = {}, onProgress = () => {} } = {}) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open(method, url);
      request.responseType = "json";
      request.setRequestHeader("X-CSRFToken", this.#token());
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      // A network that goes away without a word leaves a request hanging; reading the files
      // afterwards may take the server as long as it needs.
      let stalled = 0;
      const watch = () => {
        clearTimeout(stalled);
        stalled = setTimeout(() => request.abort(), STALLED_AFTER);
      };
      request.upload.onprogress = (event) => {
        watch();
        onProgress(event.loaded / event.total);
      };
      request.upload.onloadstart = watch;
      request.upload.onload = () => clearTimeout(stalled);
      request.onloadend = () => {
        clearTimeout(stalled);
        if (request.status >= 200 && request.status < 300) resolve(request.response);
        else reject(meaning(request));
      };
      request.send(body);
    });
  }

  #token() {
    // Signing in again in another tab brings a new one.
    const [, cookie] = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/) ?? [];
    return cookie ?? this.form.elements.csrfmiddlewaretoken.value;
  }
}

function meaning(request) {
  const { status } = request;
  const detail = request.response?.detail ?? "";
  if (!status) return new Later("The server cannot be reached.");
  if (status === 401) return new Later("You are signed out. Sign in again in another tab.");
  // There is no room, and there will be none by itself.
  if (status === 507) return new Ended(detail);
  if (status === 429 || status >= 500) {
    const seconds = Number(request.getResponseHeader("Retry-After")) || 0;
    return new Later(detail || "The server cannot take more at the moment.", seconds);
  }
  if (status === 404) return new Ended("This batch is gone, or it is not yours.");
  if (status === 403 || status === 409) return new Ended(detail);
  const errors = Object.values(request.response?.errors ?? {}).flat();
  return new Refused(errors[0] || detail || "The server did not take this file.");
}
