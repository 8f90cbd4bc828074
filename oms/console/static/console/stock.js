// Arrow keys in the availability grid: from number to number, past cells that hold none.
"use strict";

(function grid() {
  const STEPS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };

  document.addEventListener("keydown", function (event) {
    const step = STEPS[event.key];
    const cell = event.target.closest && event.target.closest("[data-grid] a.cell");
    if (!step || !cell || event.ctrlKey || event.metaKey || event.altKey) return;
    const rows = cell.closest("table").tBodies[0].rows;
    const place = cell.closest("td");
    let row = place.parentElement.sectionRowIndex;
    let column = place.cellIndex;
    for (;;) {
      row += step[0];
      column += step[1];
      const next = rows[row] && rows[row].cells[column];
      if (!next) return;
      const found = next.querySelector("a.cell");
      if (!found) continue;
      event.preventDefault();
      found.focus({ focusVisible: true });
      found.scrollIntoView({ block: "nearest", inline: "nearest" });
      return;
    }
  });
})();
