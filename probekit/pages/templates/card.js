"use strict";
const said = document.getElementById("said");
for (const button of document.querySelectorAll("th > button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const row = head.parentElement;
    const place = [...row.children].indexOf(head);
    const body = row.closest("table").tBodies[0];
    const up = head.getAttribute("aria-sort") !== "ascending";
    const key = (line) => line.children[place].dataset.key ?? "";
    const compare = (one, other) => {
      if (key(one) === "" || key(other) === "") return (key(one) === "") - (key(other) === "");
      const gap = key(one) - key(other);
      return (Number.isNaN(gap) ? key(one).localeCompare(key(other)) : gap) * (up ? 1 : -1);
    };
    for (const other of row.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    body.append(...[...body.rows].sort(compare));
    said.textContent = `Sorted by ${button.textContent.trim()}, ${up ? "ascending" : "descending"}.`;
  });
}
for (const button of document.querySelectorAll("button.unfold")) {
  button.addEventListener("click", () => {
    const folds = [...document.querySelectorAll("details")];
    const open = folds.some((one) => !one.open);
    for (const one of folds) one.open = open;
    for (const one of document.querySelectorAll(".many")) one.classList.toggle("folded", !open);
    said.textContent = open ? "All is unfolded." : "All is folded.";
  });
}
