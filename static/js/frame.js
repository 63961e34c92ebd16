// What every page needs: the theme switch, the account menu, and a sign-in that ran out.

const YEAR = 365 * 24 * 3600;
const root = document.documentElement;
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");

function systemTheme() {
  return systemIsDark.matches ? "dark" : "light";
}

function switchTheme() {
  const wanted = (root.dataset.theme ?? systemTheme()) === "dark" ? "light" : "dark";
  if (wanted === systemTheme()) {
    delete root.dataset.theme;
    document.cookie = "theme=; path=/; max-age=0; samesite=lax";
  } else {
    root.dataset.theme = wanted;
    document.cookie = `theme=${wanted}; path=/; max-age=${YEAR}; samesite=lax`;
  }
}

document.querySelector("[data-theme-switch]")?.addEventListener("click", switchTheme);

const menu = document.querySelector("[data-menu]");

document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu?.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// What is sent twice would be stored twice, or refused although it was stored.
document.addEventListener("submit", (event) => {
  const form = event.target;
  // Attributes, not properties: a field may bear the name of one and hides it.
  if (form.getAttribute("method") !== "post" || event.defaultPrevented) return;
  if (form.hasAttribute("data-sent")) event.preventDefault();
  form.setAttribute("data-sent", "");
});

// A page that the browser brings back as it was left may send its forms again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) form.removeAttribute("data-sent");
});

// A request of a session that has ended is answered by the sign-in page: go there for good.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  const { xhr, pathInfo } = event.detail;
  const answered = xhr.responseURL && new URL(xhr.responseURL).pathname;
  const asked = new URL(pathInfo.finalRequestPath, window.location.href).pathname;
  if (answered && answered !== asked) {
    event.preventDefault();
    window.location.reload();
  }
});
