// What the pages gain where scripts run: keys, drafts that save themselves, marking by selection.
// Every page works without it. It asks for nothing but the address of the form it stands in.
"use strict";

document.documentElement.classList.add("scripted");

const problems = document.getElementById("problems");
if (problems) problems.focus();

const judging = document.querySelector("[data-judge]");
const form = document.getElementById("answer");
document.querySelectorAll("fieldset[data-kind=spans]").forEach(markable);
if (judging && form) {
  keepDrafts(form);
  watchKeys();
}
document.querySelectorAll("form[data-sure]").forEach((one) =>
  one.addEventListener("submit", (event) => {
    if (!window.confirm(one.dataset.sure)) event.preventDefault();
  }));

// --- drafts ---------------------------------------------------------------------------------

function keepDrafts(form) {
  const said = document.getElementById("saved");
  let waiting = 0;
  let changed = false;
  let leaving = false;
  const body = () => {
    const fields = new URLSearchParams(new FormData(form));
    fields.set("draft", "script");
    return fields;
  };
  const save = async () => {
    waiting = 0;
    changed = false;
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body: body(), redirect: "error" });
      if (!answer.ok) throw new Error(String(answer.status));
      if (!leaving) said.textContent = "Draft saved at " + new Date().toTimeString().slice(0, 5) + ".";
    } catch {
      changed = true;
      if (!leaving) said.textContent = "The draft could not be saved. Your entries are still here; it is tried again.";
      if (!waiting && !leaving) waiting = window.setTimeout(save, 10000);
    }
  };
  form.addEventListener("input", () => {
    changed = true;
    if (waiting) window.clearTimeout(waiting);
    waiting = window.setTimeout(save, 900);
  });
  form.addEventListener("submit", () => {
    leaving = true;
    window.clearTimeout(waiting);
  });
  window.addEventListener("pagehide", () => {
    if (changed && !leaving) navigator.sendBeacon(form.dataset.draft, body());
  });
  const plain = form.querySelector("[data-plain]");
  if (plain) plain.hidden = true;
}

// --- keys -----------------------------------------------------------------------------------

function watchKeys() {
  const questions = [...document.querySelectorAll(".question")];
  const help = document.getElementById("help");
  const button = document.getElementById("keys");
  button.hidden = false;
  button.addEventListener("click", () => help.showModal());
  const now = () => questions.find((one) => one.classList.contains("now"));
  const turnTo = (one) => questions.forEach((other) => other.classList.toggle("now", other === one));
  const unanswered = (one) => ["rate", "choose"].includes(one.dataset.kind) && !one.querySelector(":checked");
  turnTo(questions.find(unanswered) || questions[0]);
  questions.forEach((one) => one.addEventListener("focusin", () => turnTo(one)));

  const pick = (number) => {
    const question = now();
    if (!question) return;
    const options = question.querySelectorAll(".options input, .options button");
    const option = options[number - 1];
    if (!option) return;
    option.click();
    if (option.tagName === "BUTTON") return;
    option.focus();
    const next = questions.slice(questions.indexOf(question) + 1).find(unanswered);
    if (next) {
      turnTo(next);
      next.scrollIntoView({ block: "nearest" });
    }
  };
  const open = (id) => {
    const part = document.getElementById(id);
    part.open = true;
    part.querySelector("select, textarea").focus();
  };
  const does = {
    u: () => document.getElementById("undo").requestSubmit(),
    s: () => open("skip"),
    f: () => open("flag"),
    v: () => {
      const veil = document.querySelector("details.veil");
      if (veil) veil.open = !veil.open;
    },
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const at = event.target;
    if (at.matches("textarea, select, input:not([type=radio])")) return;
    if (event.key === "Enter" && !at.matches("button, a, summary")) {
      event.preventDefault();
      form.requestSubmit();
    } else if (/^[1-9]$/.test(event.key)) {
      event.preventDefault();
      pick(Number(event.key));
    } else if (Object.hasOwn(does, event.key)) {
      event.preventDefault();
      does[event.key]();
    }
  });
}

// --- spans ----------------------------------------------------------------------------------

// Offsets count code points, as everywhere in duecare; the browser counts UTF-16 units.
function points(text) {
  return [...text].length;
}

function markable(field) {
  const passages = [...document.querySelectorAll("[data-part]")];
  if (!passages.length) return;
  const name = field.dataset.field;
  const box = field.querySelector(".marking");
  const list = box.querySelector(".marked");
  const said = box.querySelector("[role=status]");
  const hand = field.querySelector(".byhand");
  const texts = new Map(passages.map((one) => [one.dataset.part, one.textContent]));
  const spans = taken(field, texts);
  let held = null;

  box.hidden = false;
  hand.open = hand.querySelector("[aria-invalid]") !== null;
  document.addEventListener("selectionchange", () => {
    held = selected(passages) || held;
  });
  box.querySelectorAll("button[data-label]").forEach((button) =>
    button.addEventListener("click", () => {
      if (!held) {
        said.textContent = "Select some words in the text first.";
        return;
      }
      spans.push({ ...held, label: button.dataset.label });
      said.textContent = "Marked as " + button.dataset.label + ": " + held.words;
      held = null;
      window.getSelection().removeAllRanges();
      changed();
    }));
  function changed() {
    draw();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  function draw() {
    list.replaceChildren(...spans.map((span, at) => line(span, name, () => {
      spans.splice(at, 1);
      said.textContent = "Mark removed.";
      changed();
    })));
    passages.forEach((one) => paint(one, texts.get(one.dataset.part), spans.filter((span) => span.part === one.dataset.part)));
  }
  draw();
}

// Rows that were saved before move from the fields to the list; the last, empty row stays for use by hand.
function taken(field, texts) {
  const spans = [];
  field.querySelectorAll(".spanrow").forEach((row) => {
    const value = (end) => row.querySelector("[name$='." + end + "']").value;
    const part = value("part");
    const letters = [...(texts.get(part) || "")];
    const start = parseInt(value("start"), 10);
    const end = parseInt(value("end"), 10);
    if (!(start >= 0 && end > start && end <= letters.length)) return;
    spans.push({ part, start, end, words: letters.slice(start, end).join(""), label: value("label") });
    row.remove();
  });
  return spans;
}

function selected(passages) {
  const selection = window.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const passage = passages.find((one) => one.contains(range.startContainer) && one.contains(range.endContainer));
  if (!passage) return null;
  const before = document.createRange();
  before.setStart(passage, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const words = range.toString();
  const start = points(before.toString());
  return words.trim() ? { part: passage.dataset.part, start, end: start + points(words), words } : null;
}

function line(span, name, remove) {
  const item = document.createElement("li");
  const words = document.createElement("q");
  words.dir = "auto";
  words.textContent = span.words;
  const label = document.createElement("span");
  label.className = "badge";
  label.textContent = span.label;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "plainly";
  button.textContent = "Remove";
  button.setAttribute("aria-label", "Remove the mark " + span.label + ": " + span.words);
  button.addEventListener("click", remove);
  item.append(words, label, button);
  for (const [key, value] of Object.entries({ words: "", label: span.label, part: span.part, start: span.start, end: span.end })) {
    const hidden = document.createElement("input");
    hidden.type = "hidden";
    hidden.name = name + "." + key;
    hidden.value = value;
    item.append(hidden);
  }
  return item;
}

// The passage drawn anew: the same characters, with a <mark> over each marked stretch.
function paint(passage, text, spans) {
  const letters = [...text];
  const cuts = [...new Set([0, letters.length, ...spans.flatMap((span) => [span.start, span.end])])].sort((a, b) => a - b);
  const pieces = [];
  for (let at = 0; at + 1 < cuts.length; at += 1) {
    const words = letters.slice(cuts[at], cuts[at + 1]).join("");
    const over = spans.filter((span) => span.start <= cuts[at] && span.end >= cuts[at + 1]);
    if (over.length) {
      const mark = document.createElement("mark");
      mark.title = over.map((span) => span.label).join(", ");
      mark.textContent = words;
      pieces.push(mark);
    } else {
      pieces.push(document.createTextNode(words));
    }
  }
  passage.replaceChildren(...pieces);
}
