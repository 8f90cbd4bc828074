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
      const near = document.querySelector("[data-page-find]") || find;
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
      if (wantedKey.tagName === "SUMMARY") wantedKey.parentElement.open = true;
      wantedKey.click();
    }
  });
})();
