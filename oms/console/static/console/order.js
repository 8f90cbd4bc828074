// Forms that must not be sent twice, and arrow keys in a list of rows. Pages work without it.
"use strict";

document.addEventListener("submit", function (event) {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  const button = form.querySelector("button");
  if (button) button.setAttribute("aria-busy", "true");
});

// The back button may show a page as it was left: its forms are fresh again.
window.addEventListener("pageshow", function () {
  document.querySelectorAll("[data-sent]").forEach(function (form) { delete form.dataset.sent; });
});

document.addEventListener("keydown", function (event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const rows = Array.from(document.querySelectorAll("[data-row]"));
  const box = document.getElementById("find-input");
  const at = rows.indexOf(document.activeElement);
  if (!rows.length || (at < 0 && document.activeElement !== box &&
      document.activeElement !== document.body)) return;
  event.preventDefault();
  const next = at + (event.key === "ArrowDown" ? 1 : -1);
  if (next < 0 && box && box.offsetParent) box.focus();
  else if (rows[next]) rows[next].focus();
});
