// Receiving: a scan counts on the spot, without a round trip. The page works the same without it.
"use strict";

document.addEventListener("submit", function (event) {
  const form = event.target;
  const table = document.querySelector("[data-tally]");
  if (!form.matches("[data-scan]") || !table) return;
  const box = form.elements.code;
  const code = box.value.trim();
  const row = Array.from(table.querySelectorAll("[data-codes]")).find(function (one) {
    return one.dataset.codes.split("\n").includes(code);
  });
  event.preventDefault();
  if (!code) return;
  // What is not on this page is for the server to find, once it knows what was counted before.
  if (!row) { keep(table).finally(function () { form.submit(); }); return; }
  const field = row.querySelector('[data-way="' + form.elements.way.value + '"]');
  field.value = String((parseInt(field.value, 10) || 0) + 1);
  table.querySelectorAll("tr.last").forEach(function (one) { one.classList.remove("last"); });
  row.classList.add("last");
  row.scrollIntoView({ block: "nearest" });
  tell(row);
  box.value = "";
  box.focus();
  save(table);
});

document.addEventListener("input", function (event) {
  const row = event.target.closest("[data-codes]");
  if (!row) return;
  tell(row);
  save(event.target.form);
});

function counted(row) {
  return Array.from(row.querySelectorAll("[data-way]")).reduce(function (sum, field) {
    return sum + (parseInt(field.value, 10) || 0);
  }, 0);
}

function tell(row) {
  const expected = Number(row.dataset.expected);
  const count = counted(row);
  const over = count - expected;
  const words = over > 0 ? over + " more" : over < 0 ? -over + " to go" : "all there";
  const cell = row.querySelector("[data-is]");
  cell.textContent = words;
  cell.classList.toggle("bad", over > 0);
  const total = Array.from(document.querySelectorAll("[data-codes]")).reduce(function (sum, one) {
    return sum + counted(one);
  }, 0);
  document.querySelector("[data-counted]").textContent = total.toLocaleString("en");
  const says = document.querySelector("[data-says]");
  says.hidden = false;
  says.classList.remove("wrong");
  const line = document.createElement("b");
  line.textContent = row.dataset.title + ": " + count + " of " + expected;
  const more = document.createElement("span");
  more.textContent = words;
  says.replaceChildren(line, more);
}

// The server remembers what was counted, so a reload or a flat battery loses at most a moment.
let waiting = null;
let sent = Promise.resolve();

function save(form) {
  clearTimeout(waiting);
  waiting = setTimeout(function () { keep(form); }, 400);
}

function keep(form) {
  clearTimeout(waiting);
  sent = sent.then(function () {
    const data = new FormData(form);
    data.set("do", "keep");
    return fetch(form.action, { method: "POST", body: data, keepalive: true, redirect: "manual" });
  }).catch(function () { /* Offline for a moment: the numbers still stand on the page. */ });
  return sent;
}

// The receipt is made after the last remembering has arrived, and once.
document.addEventListener("submit", function (event) {
  const form = event.target;
  if (!form.matches("[data-tally]")) return;
  clearTimeout(waiting);
  if (form.dataset.ready) return;
  event.preventDefault();
  const button = event.submitter;
  sent.finally(function () {
    form.dataset.ready = "yes";
    form.requestSubmit(button);
  });
});

window.addEventListener("pageshow", function () {
  document.querySelectorAll("[data-ready]").forEach(function (form) { delete form.dataset.ready; });
});
