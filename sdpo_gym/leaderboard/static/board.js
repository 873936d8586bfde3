// Sorting, filtering and the colour scheme. Without it every page is complete, in order of rank.
// What is sorted and filtered stands in the URL's fragment, so that a link shows what its sender saw.
"use strict";

(function theme() {
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const button = document.getElementById("theme");
  const stored = () => { try { return localStorage.getItem("sdpo-gym-theme"); } catch { return null; } };
  const show = (name) => {
    if (name === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    button.querySelector("span").textContent = names[name];
  };
  let now = stored() in names ? stored() : "auto";
  show(now);
  button.hidden = false;
  button.addEventListener("click", () => {
    const all = Object.keys(names);
    now = all[(all.indexOf(now) + 1) % all.length];
    show(now);
    try { localStorage.setItem("sdpo-gym-theme", now); } catch { /* then it holds for this page */ }
  });
})();

(function board() {
  const table = document.getElementById("board");
  if (!table) return;
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const keys = headers.map((header) => header.dataset.key);
  const rows = [...body.rows];
  const form = document.getElementById("filters");
  const count = document.getElementById("count");
  const notice = document.getElementById("notice");
  const fields = [...form.elements].filter((field) => field.name);
  const values = rows.map((row) => [...row.cells].map((cell) => cell.dataset.value));
  const isNumber = headers.map((header) => header.classList.contains("number"));
  let sort = { key: "", down: false };

  function compare(column, down) {
    const sign = down ? -1 : 1;
    return (a, b) => {
      const [left, right] = [values[a][column], values[b][column]];
      if (left === "" || right === "") return (left === "") - (right === "") || a - b; // what is unknown comes last
      const order = isNumber[column] ? Number(left) - Number(right) : left.localeCompare(right, "en", { numeric: true });
      return sign * order || a - b;
    };
  }

  function order() {
    const column = keys.indexOf(sort.key);
    const places = rows.map((_, i) => i);
    if (column >= 0) places.sort(compare(column, sort.down));
    body.append(...places.map((i) => rows[i]));
    headers.forEach((header, i) => {
      if (i === column) header.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    });
  }

  function fits(row, wanted) {
    const { q = "", from = "", until = "", ...same } = wanted;
    if (!q.toLowerCase().split(/\s+/).every((word) => row.dataset.text.toLowerCase().includes(word))) return false;
    if ((from && row.dataset.date < from) || (until && row.dataset.date > until)) return false;
    return Object.entries(same).every(([name, value]) => !value || row.dataset[name] === value);
  }

  function filter() {
    const wanted = Object.fromEntries(fields.map((field) => [field.name, field.value]));
    let shown = 0;
    for (const row of rows) {
      row.hidden = !fits(row, wanted);
      shown += !row.hidden;
    }
    count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
  }

  function write() {
    const state = new URLSearchParams();
    for (const field of fields) if (field.value) state.set(field.name, field.value);
    if (sort.key) state.set("sort", (sort.down ? "-" : "") + sort.key);
    history.replaceState(null, "", `#${state}`);
  }

  function read() {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) return; // an anchor within the page
    const state = new URLSearchParams(text);
    const wrong = [];
    for (const field of fields) {
      const value = state.get(field.name) ?? "";
      field.value = value;
      if (field.value !== value) wrong.push(`${field.name} has no value "${value}"`);
    }
    const key = (state.get("sort") ?? "").replace(/^-/, "");
    if (key && !keys.includes(key)) wrong.push(`there is no column "${key}"; the columns are ${keys.join(", ")}`);
    for (const name of state.keys()) {
      if (name !== "sort" && !fields.some((field) => field.name === name)) wrong.push(`there is no filter "${name}"`);
    }
    sort = keys.includes(key) ? { key, down: state.get("sort").startsWith("-") } : { key: "", down: false };
    notice.textContent = wrong.length ? `The link could not be followed in full: ${wrong.join("; ")}.` : "";
    notice.hidden = !wrong.length;
    order();
    filter();
  }

  headers.forEach((header, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.textContent;
    header.replaceChildren(button);
    button.addEventListener("click", () => {
      // scores begin with the greatest, ranks and texts with the least; a second click turns it round
      const first = isNumber[i] && keys[i] !== "rank";
      sort = { key: keys[i], down: sort.key === keys[i] ? !sort.down : first };
      order();
      write();
    });
  });
  // both: some ways to choose an option send only the second
  for (const type of ["input", "change"]) form.addEventListener(type, () => { filter(); write(); });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const field of fields) field.value = "";
    filter();
    write();
  });
  addEventListener("hashchange", read);
  form.hidden = false;
  read();
})();
