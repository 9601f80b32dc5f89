"use strict";
// Everything that came over the wire is written as text, never as markup.

const [KEPT_MAX, UNSIGNED_MAX] = [200, 20];
const [list, detail, empty, live, filter] = ["events", "detail", "empty", "live", "filter"].map((id) => document.getElementById(id));
let session = null;
let last = 0;
let received = [];
let unsigned = []; // what anybody sent: apart, so that it pushes no event out
let chosen = null;
let isLooking = false;

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function parsed(one) {
  try {
    return JSON.parse(one.body);
  } catch {
    return null;
  }
}

function gist(one) {
  const data = parsed(one)?.data;
  if (!data || typeof data !== "object") return one.event ?? "";
  const parts = [];
  if (Number.isInteger(data.points)) parts.push(`${data.points > 0 ? "+" : ""}${data.points} points`);
  if (Number.isInteger(data.amount)) parts.push(`${data.amount} ${data.currency ?? ""}`.trim());
  for (const name of ["customer", "account", "tier"]) if (typeof data[name] === "string") parts.push(data[name]);
  return parts.join(" · ") || (one.event ?? "");
}

function time(one) {
  return new Date(one.received_at * 1000).toLocaleTimeString();
}

function faults(one) {
  return Object.values(one.signatures).filter((fault) => fault !== null);
}

function chip(one) {
  const count = faults(one).length;
  return make("span", count ? "signature ✗" : "signed ✓", count ? "chip bad" : "chip good");
}

function row(one) {
  const button = make("button");
  button.type = "button";
  button.append(make("span", one.type ?? "not an event", "type"));
  const line = make("span", undefined, "line");
  line.append(make("span", time(one)), make("span", gist(one), "gist"));
  if (one.delivery > 1) line.append(make("span", `delivery ${one.delivery}`, "chip again"));
  line.append(chip(one));
  button.append(line);
  if (one.number === chosen) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => {
    chosen = one.number;
    show();
  });
  const item = make("li");
  item.append(button);
  return item;
}

function pairs(entries) {
  const dl = make("dl");
  for (const [name, value] of entries) {
    const dd = make("dd");
    dd.append(value instanceof Node ? value : document.createTextNode(value));
    dl.append(make("dt", name), dd);
  }
  return dl;
}

function verdict(fault) {
  return fault === null ? make("span", "checks ✓", "chip good") : make("span", `does not check ✗ ${fault}`, "chip bad");
}

function full(one) {
  const value = parsed(one);
  const parts = [make("h1", one.type ?? "Not an event")];
  parts.push(make("p", `${one.event ?? "without an id"} · received ${new Date(one.received_at * 1000).toLocaleString()}`, "hint"));
  parts.push(make("h2", "Signatures"));
  parts.push(pairs(Object.entries(one.signatures).map(([name, fault]) => [name, verdict(fault)])));
  parts.push(make("h2", "Body"), make("pre", value === null ? one.body : JSON.stringify(value, null, 2)));
  parts.push(make("h2", "Headers"), pairs(Object.entries(one.headers)));
  parts.push(make("h2", "The very bytes"), make("pre", one.body));
  return parts;
}

function matches(one) {
  const wanted = filter.value.trim().toLowerCase();
  return !wanted || `${one.type} ${one.event} ${one.body}`.toLowerCase().includes(wanted);
}

function show() {
  const [shown, apart] = [received.filter(matches), unsigned.filter(matches)];
  const heading = apart.length ? [make("li", "Not signed by this sandbox, and refused:", "hint")] : [];
  list.replaceChildren(...shown.map(row), ...heading, ...apart.map(row));
  empty.hidden = received.length > 0 || unsigned.length > 0;
  const one = [...received, ...unsigned].find((candidate) => candidate.number === chosen);
  detail.replaceChildren(...(one ? full(one) : [make("p", "Choose an event to see its headers, body and signatures.", "hint")]));
}

function tell(word, className) {
  live.textContent = word;
  live.className = className;
}

async function look() {
  if (isLooking) return;
  isLooking = true;
  try {
    let page = await ask(last);
    if (page.session !== session) {
      if (last) page = await ask(0); // the sandbox has started anew, and counts from 1 again
      [session, received, unsigned, chosen] = [page.session, [], [], null];
      show();
    }
    last = page.last;
    tell("live", "on");
    if (page.data.length || page.unsigned.length) {
      received = [...page.data, ...received].slice(0, KEPT_MAX);
      unsigned = [...page.unsigned, ...unsigned].slice(0, UNSIGNED_MAX);
      chosen ??= received[0]?.number ?? null;
      show();
    }
  } catch {
    tell("the sandbox does not answer", "off");
  }
  isLooking = false;
}

async function ask(after) {
  const answer = await fetch(`/_inbox.json?after=${after}`, { cache: "no-store" });
  return answer.json();
}

async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, 1000);
}

filter.addEventListener("input", show);
document.addEventListener("visibilitychange", look);
watch();
