// People of a list: select the whole page at once; the button shows how many are selected.

import { $ } from "./app.js";

const form = $("chosen");

if (form) {
  const all = $("all");
  const button = $("remove");
  const words = button.textContent;
  const boxes = [...form.querySelectorAll("input[name=id]")];

  const tally = () => {
    const count = boxes.filter((box) => box.checked).length;
    button.disabled = !count;
    button.textContent = count ? `${words} (${count.toLocaleString(document.documentElement.lang)})` : words;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
  };
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tally();
  });
  form.addEventListener("change", tally);
  tally();
}
