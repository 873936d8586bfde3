"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const items = [...document.querySelectorAll(".item")];
  const search = byId("search"), outcome = byId("outcome"), solved = byId("solved"), count = byId("count");
  const texts = new Map();
  let here = -1;

  const textOf = (item) => {
    if (!texts.has(item)) {
      const copy = item.cloneNode(true);
      copy.querySelectorAll("script, .figures, .legend").forEach((each) => each.remove());
      texts.set(item, copy.textContent.toLowerCase());
    }
    return texts.get(item);
  };

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of items) {
      const fits = (!outcome.value || item.dataset.outcomes.split(" ").includes(outcome.value))
        && (!solved || !solved.value || item.dataset.solved === solved.value)
        && words.every((word) => textOf(item).includes(word));
      item.classList.toggle("hidden", !fits);
      shown += fits;
    }
    count.textContent = `${shown.toLocaleString("en")} of ${items.length.toLocaleString("en")}`;
  };

  // what is chosen stands in the address, so that it can be kept and passed on
  const remember = () => {
    const chosen = new URLSearchParams();
    if (search.value) chosen.set("q", search.value);
    if (outcome.value) chosen.set("outcome", outcome.value);
    if (solved && solved.value) chosen.set("solved", solved.value);
    history.replaceState(null, "", `#${chosen}`);
  };
  const recall = () => {
    const fragment = location.hash.slice(1);
    if (/^attempt-\d+$/.test(fragment)) {
      const place = items.findIndex((item) => item.id === fragment);
      if (place >= 0) mark(place);
      return;
    }
    const chosen = new URLSearchParams(fragment);
    search.value = chosen.get("q") || "";
    outcome.value = chosen.get("outcome") || "";
    if (outcome.selectedIndex < 0) outcome.value = "";
    if (solved) { solved.value = chosen.get("solved") || ""; if (solved.selectedIndex < 0) solved.value = ""; }
  };

  const mark = (place) => {
    if (here >= 0) items[here].classList.remove("here");
    here = place;
    items[here].classList.add("here");
  };
  const go = (step) => {
    let place = here;
    do { place += step; } while (items[place] && items[place].classList.contains("hidden"));
    if (!items[place]) return;
    mark(place);
    const target = items[place].querySelector("a.open") || items[place];
    target.focus({ preventScroll: true });
    items[place].scrollIntoView({ block: items[place].matches("tr") ? "nearest" : "start" });
  };
  const follow = (id) => { const link = byId(id); if (link) link.click(); };
  const help = byId("help");
  const keys = {
    j: () => go(1),
    k: () => go(-1),
    n: () => follow("next"),
    p: () => follow("previous"),
    u: () => follow("up"),
    o: () => { const prompt = byId("prompt"); if (prompt) prompt.open = !prompt.open; },
    c: () => { const credit = (items[Math.max(here, 0)] || document).querySelector(".credit"); if (credit) credit.focus(); },
    "/": () => search.focus(),
    "?": () => { if (help.open) help.close(); else help.showModal(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.matches("input") || (event.target.matches("select") && event.key !== "/");
    if (event.key === "Escape" && typing) { event.preventDefault(); event.target.blur(); return; }
    if (typing || !Object.hasOwn(keys, event.key) || (help.open && event.key !== "?")) return;
    event.preventDefault();
    keys[event.key]();
  });
  for (const field of [search, outcome, solved]) {
    if (field) field.addEventListener(field === search ? "input" : "change", () => { filter(); remember(); });
  }
  window.addEventListener("hashchange", () => { recall(); filter(); });

  const percent = (logprob) => {
    const share = 100 * Math.exp(logprob);
    return share >= 0.1 ? `${share.toFixed(1)} %` : share >= 0.0001 ? `${share.toFixed(4)} %` : "< 0.0001 %";
  };
  const element = (name, text) => { const made = document.createElement(name); made.textContent = text; return made; };

  for (const credit of document.querySelectorAll(".credit")) {
    const tokens = [...credit.querySelectorAll(".tok")];
    const rows = JSON.parse(credit.querySelector("script").textContent);
    const box = credit.querySelector(".figures");
    const worst = rows.map((row, place) => [row[2] - row[1], place]).filter(([value]) => value <= -0.1)
      .sort((a, b) => a[0] - b[0]).map(([, place]) => place);
    let at = -1;
    const hide = () => { if (at >= 0) tokens[at].classList.remove("at"); at = -1; box.hidden = true; };
    const show = (place) => {
      if (place < 0 || place >= tokens.length) return;
      if (at >= 0) tokens[at].classList.remove("at");
      at = place;
      tokens[at].classList.add("at");
      const [text, student, teacher, others] = rows[at];
      const value = teacher - student;
      const head = document.createElement("div");
      head.append(element("code", text || "(rest of a character)"), ` credit ${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${Math.abs(value).toFixed(2)} nats`);
      const list = document.createElement("table");
      const titles = document.createElement("tr");
      for (const title of ["token", "student", "teacher"]) titles.append(element("th", title));
      list.append(titles);
      for (const [name, s, t] of [[text, student, teacher], ...others.filter(([name]) => name !== text)]) {
        const line = document.createElement("tr");
        const cell = document.createElement("td");
        cell.append(element("code", name.replaceAll("\n", "\\n").replaceAll("\t", "\\t")));
        const numbers = [s, t].map((each) => { const made = element("td", percent(each)); made.className = "number"; return made; });
        line.append(cell, ...numbers);
        list.append(line);
      }
      box.replaceChildren(head, list);
      box.hidden = false;
      const around = credit.getBoundingClientRect(), rects = tokens[at].getClientRects();
      const rect = rects[0] || around;
      box.style.top = `${rect.bottom - around.top + 6}px`;
      box.style.left = `${Math.max(0, Math.min(rect.left - around.left, around.width - box.offsetWidth))}px`;
    };
    credit.addEventListener("mouseover", (event) => {
      const place = tokens.indexOf(event.target.closest(".tok"));
      if (place >= 0) show(place);
    });
    credit.addEventListener("mouseleave", () => { if (document.activeElement !== credit) hide(); });
    credit.addEventListener("focus", () => { if (at < 0) show(worst.length ? worst[0] : 0); });
    credit.addEventListener("blur", hide);
    credit.addEventListener("keydown", (event) => {
      const rank = worst.indexOf(at);
      const steps = {
        ArrowRight: () => show(at + 1), ArrowLeft: () => show(at - 1), Home: () => show(0), End: () => show(tokens.length - 1),
        ArrowDown: () => { if (worst.length) show(worst[Math.min(rank + 1, worst.length - 1)]); },
        ArrowUp: () => { if (worst.length) show(worst[Math.max(rank - 1, 0)]); },
        Escape: () => credit.blur(),
      };
      if (!Object.hasOwn(steps, event.key)) return;
      event.preventDefault();
      steps[event.key]();
    });
  }

  recall();
  filter();
})();
