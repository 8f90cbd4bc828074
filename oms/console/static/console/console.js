// The one script of the console. Pages work without it; it adds keys, live rows and the theme.
"use strict";

(function shell() {
  const root = document.documentElement;
  root.classList.add("js");

  function remember(name, value) {
    document.cookie = name + "=" + value + "; path=/; max-age=31536000; samesite=lax";
  }
  function recall(name) {
    const found = document.cookie.match("(?:^|; )" + name + "=([^;]*)");
    return found ? found[1] : "";
  }
  function paint(theme) {
    root.classList.toggle("dark", theme === "dark");
    root.classList.toggle("light", theme !== "dark");
    // Unfold's own pages read this key.
    localStorage.setItem("adminTheme", JSON.stringify(theme));
  }
  const wanted = recall("theme") ||
    (window.matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  paint(wanted);

  const side = recall("side");
  if (side === "rail") root.classList.add("side-rail");
  if (side === "open") root.classList.add("side-open");

  window.typing = function (event) {
    const at = event.target;
    return event.ctrlKey || event.metaKey || event.altKey || at.isContentEditable ||
      /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName) && at.type !== "checkbox";
  };

  document.addEventListener("click", function (event) {
    const theme = event.target.closest("[data-theme-switch]");
    if (theme) {
      const next = root.classList.contains("dark") ? "light" : "dark";
      remember("theme", next);
      paint(next);
      // Unfold's own pages keep their class in a store that only a fresh page reads.
      if (window.Alpine) location.reload();
    }
    if (event.target.closest("[data-side-toggle]")) {
      const narrow = window.matchMedia("(max-width: 1279px)").matches;
      const name = narrow ? "side-open" : "side-rail";
      root.classList.remove(narrow ? "side-rail" : "side-open");
      remember("side", root.classList.toggle(name) ? name.slice(5) : "");
    }
    const menu = document.querySelector(".user details[open]");
    if (menu && !menu.contains(event.target)) menu.open = false;
    const copy = event.target.closest("[data-copy]");
    if (copy && navigator.clipboard) {
      navigator.clipboard.writeText(copy.dataset.copy);
      copy.setAttribute("data-said", "copied");
    }
  });

  // Ctrl K and / find; g then a letter goes; other single keys press whatever names them.
  let going = 0;
  document.addEventListener("keydown", function (event) {
    const find = document.getElementById("find-input");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && find) {
      event.preventDefault();
      if (!find.offsetParent) document.querySelector("[data-side-toggle]").click();
      find.focus();
      find.select();
      return;
    }
    if (event.key === "Escape") {
      const box = document.querySelector("details.sheet[open]");
      if (box) { box.open = false; box.querySelector("summary").focus(); return; }
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) event.target.blur();
      return;
    }
    if (window.typing(event)) return;
    const now = Date.now();
    if (now - going < 1500) {
      going = 0;
      const link = document.querySelector('[data-go="' + CSS.escape(event.key) + '"]');
      if (link) { event.preventDefault(); link.click(); }
      return;
    }
    if (event.key === "g") { going = now; return; }
    if (event.key === "/") {
      const near = document.querySelector("[data-page-find], #searchbar") || find;
      if (near) {
        event.preventDefault();
        if (!near.offsetParent) document.querySelector("[data-side-toggle]").click();
        near.focus();
      }
      return;
    }
    if (event.key === "?") {
      const keys = document.getElementById("all-keys");
      if (keys) keys.showModal();
      return;
    }
    const wantedKey = document.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
    if (wantedKey && !event.defaultPrevented) {
      event.preventDefault();
      wantedKey.click();
      if (wantedKey.tagName === "SUMMARY")
        wantedKey.parentElement.querySelector("select, textarea, input:not([type=hidden]), form button")?.focus();
    }
  });
})();

// ---- Today and other whole pages that refresh themselves -------------------------------------
(function live() {
  async function refresh(box) {
    if (document.hidden) return;
    const words = document.querySelector("[data-live-words]");
    try {
      const answer = await fetch(box.dataset.live, { headers: { "X-Live": "1" } });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const inside = fresh.getElementById(box.id);
      if (inside && !box.contains(document.activeElement)) box.replaceChildren(...inside.childNodes);
      for (const id of ["clock", "nav-exceptions"]) {
        const old = document.getElementById(id), now = fresh.getElementById(id);
        if (old && now) old.replaceChildren(...now.childNodes);
      }
      box.dataset.read = new Date().toTimeString().slice(0, 5);
      if (words) {
        words.textContent = "updates itself";
        words.classList.remove("bad");
      }
    } catch {
      if (words) stale(words, box.dataset.read);
    }
  }
  window.stale = function (words, since) {
    words.textContent = "live updates stopped" + (since ? " at " + since : "") + "; try again";
    words.classList.add("bad");
  };
  document.addEventListener("DOMContentLoaded", function () {
    for (const box of document.querySelectorAll("[data-live]"))
      setInterval(refresh, Number(box.dataset.liveSeconds) * 1000, box);
    for (const choice of document.querySelectorAll("[data-submit]"))
      choice.addEventListener("change", () => choice.form.requestSubmit());
  });
})();

// ---- django-rq calls a jQuery plugin that Django no longer has; without it its buttons stay dead.
document.addEventListener("DOMContentLoaded", function () {
  const jQuery = window.django && window.django.jQuery;
  if (jQuery && !jQuery.fn.actions) jQuery.fn.actions = function () { return this; };
});

// ---- Exception queue: the chosen row stays put while rows come and go -------------------------
document.addEventListener("DOMContentLoaded", function queue() {
  const box = document.getElementById("queue");
  if (!box) return;
  const table = document.getElementById("queue-table");
  const panel = document.getElementById("panel");
  const fresh = document.getElementById("new-rows");
  const POLL_MS = 5000, GONE_MS = 60000;
  let waiting = null, asked = 0, read = "";

  const cases = () => [...table.querySelectorAll("tr.case:not(.gone)")];
  const chosen = () => table.querySelector("tr.case.chosen");
  const stamp = () => table.querySelector("thead").dataset.stamp;

  function choose(row, load) {
    if (!row) return;
    chosen()?.classList.remove("chosen");
    row.classList.add("chosen");
    row.scrollIntoView({ block: "nearest" });
    const link = row.querySelector("a.what");
    link.focus({ preventScroll: true });
    history.replaceState(null, "", link.getAttribute("href"));
    clearTimeout(asked);
    // Holding j down must not ask for every panel on the way.
    if (load) asked = setTimeout(open, 90, row.dataset.case);
  }

  async function open(id) {
    const slow = setTimeout(() => panel.setAttribute("aria-busy", "true"), 400);
    try {
      const answer = await fetch(box.dataset.panel.replace("/0/", "/" + id + "/") + location.search);
      if (answer.redirected) return location.reload();
      if (!answer.headers.get("X-Is-Part")) throw new Error(String(answer.status));
      if (chosen()?.dataset.case === String(id)) panel.innerHTML = await answer.text();
    } catch {
      panel.innerHTML = '<div class="empty"><b>This could not be loaded.</b>Choose the row again.</div>';
    } finally {
      clearTimeout(slow);
      panel.removeAttribute("aria-busy");
    }
  }

  function move(step) {
    const rows = cases();
    const at = rows.indexOf(chosen());
    choose(rows[Math.min(Math.max(at + step, 0), rows.length - 1)], true);
  }

  // Known rows change in place, gone ones are struck through for a minute, new ones wait.
  function merge(html) {
    const holder = document.createElement("table");
    holder.innerHTML = html;
    const now = new Map([...holder.querySelectorAll("tr.case")].map((row) => [row.dataset.case, row]));
    const here = new Set();
    for (const row of table.querySelectorAll("tr.case")) {
      const next = now.get(row.dataset.case);
      here.add(row.dataset.case);
      if (!next) {
        if (!row.classList.contains("gone")) {
          row.classList.add("gone");
          setTimeout(() => row.remove(), GONE_MS);
        }
        continue;
      }
      row.classList.remove("gone");
      const focused = row.contains(document.activeElement);
      const said = row.querySelector("a.what").textContent;
      row.replaceChildren(...[...next.children].map((cell) => cell.cloneNode(true)));
      if (focused) row.querySelector("a.what").focus({ preventScroll: true });
      const changed = row.dataset.version !== next.dataset.version || said !== next.querySelector("a.what").textContent;
      if (changed && row === chosen() && !writing()) open(row.dataset.case);
      row.dataset.version = next.dataset.version;
    }
    const added = [...now.keys()].filter((id) => !here.has(id)).length;
    waiting = added || !table.querySelector("tr.case") ? holder : null;
    fresh.hidden = !added;
    fresh.textContent = added + " new";
    table.querySelector("thead").dataset.stamp = holder.querySelector("thead").dataset.stamp;
    for (const [id, source] of [["queue-tabs", "#fresh-tabs"], ["queue-shown", "#fresh-shown"]]) {
      const part = holder.querySelector(source);
      if (part) document.getElementById(id).innerHTML = part.innerHTML;
    }
    if (!table.querySelector("tr.case") && waiting) show();
  }
  function show() {
    if (!waiting) return;
    const id = chosen()?.dataset.case;
    table.replaceChildren(...waiting.childNodes);
    waiting = null;
    fresh.hidden = true;
    for (const row of cases()) row.classList.toggle("chosen", row.dataset.case === id);
  }
  const writing = () => panel.contains(document.activeElement) || panel.querySelector("details[open]");

  async function poll() {
    if (document.hidden) return;
    const words = document.querySelector("[data-live-words]");
    try {
      const answer = await fetch(box.dataset.rows + "&stamp=" + stamp());
      if (answer.redirected || answer.status >= 400) throw new Error(String(answer.status));
      read = new Date().toTimeString().slice(0, 5);
      words.textContent = "updates itself";
      words.classList.remove("bad");
      if (answer.status === 200) merge(await answer.text());
    } catch {
      window.stale(words, read);
    }
  }

  table.addEventListener("click", function (event) {
    const row = event.target.closest("tr.case");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (window.matchMedia("(max-width: 1099px)").matches) {
      if (!event.target.closest("a")) row.querySelector("a.what").click();
      return;
    }
    event.preventDefault();
    document.documentElement.classList.remove("no-panel");
    choose(row, true);
  });
  fresh.addEventListener("click", show);

  function pick(way) {
    for (const other of panel.querySelectorAll(".way")) other.classList.toggle("chosen", other === way);
    const button = document.getElementById("do-way");
    button.setAttribute("form", way.id);
    button.innerHTML = "";
    button.append(way.dataset.word + " ", Object.assign(document.createElement("kbd"), { textContent: way.dataset.way }));
    way.scrollIntoView({ block: "nearest" });
  }
  panel.addEventListener("click", function (event) {
    const way = event.target.closest(".way");
    if (way) pick(way);
  });
  panel.addEventListener("submit", async function (event) {
    const form = event.target;
    if (form.method !== "post") return;
    event.preventDefault();
    const body = new FormData(form, event.submitter);
    event.submitter?.setAttribute("disabled", "");
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Part": "panel" } });
      if (answer.redirected) return location.reload();
      const text = await answer.text();
      if (answer.headers.get("X-Is-Part")) panel.innerHTML = text;
      else throw new Error(String(answer.status));
      table.querySelector("thead").dataset.stamp = "";
      poll();
    } catch {
      event.submitter?.removeAttribute("disabled");
      const said = Object.assign(document.createElement("p"), { className: "panel-said refused", textContent: "Nothing was done: the answer did not arrive. Try again." });
      said.setAttribute("role", "status");
      panel.querySelector(".panel-body").prepend(said);
    }
  });

  document.addEventListener("keydown", function (event) {
    if (window.typing(event) || document.querySelector("dialog[open]")) return;
    const button = event.target.closest("button, summary, a:not(.what)");
    if (event.key === "j") move(1);
    else if (event.key === "k") move(-1);
    else if (event.key === "Enter" && !button && chosen()?.dataset.order) location.href = chosen().dataset.order;
    else if (event.key === " " && !button) document.documentElement.classList.toggle("no-panel");
    else if (event.key === "e" && document.getElementById("note-text")) document.getElementById("note-text").focus();
    else if (/^[1-9]$/.test(event.key)) {
      const way = panel.querySelector('.way[data-way="' + event.key + '"]');
      if (!way) return;
      pick(way);
      (way.querySelector("input.field") || document.getElementById("do-way")).focus();
    } else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  setInterval(poll, POLL_MS);
});
