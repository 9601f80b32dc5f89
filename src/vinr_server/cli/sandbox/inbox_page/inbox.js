"use strict";
// Everything that came over the wire is written as text, never as markup.

const [KEPT_MAX, UNSIGNED_MAX] = [200, 20];
const [list, detail, empty, live, filter] = ["events", "detail", "empty", "live", "filter"].map((id) => document.getElementById(id));
let session = null;
let last = 0;
let received = [];
let unsigned = []; // kept apart: anybody can send these, and they must not push events out
let chosen = null;
let isLooking = false;

function make(tag, text, className) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function parsed(webhook) {
  try {
    return JSON.parse(webhook.body);
  } catch {
    return null;
  }
}

function gist(webhook) {
  const data = parsed(webhook)?.data;
  if (!data || typeof data !== "object") return webhook.event ?? "";
  const parts = [];
  if (Number.isInteger(data.points)) parts.push(`${data.points > 0 ? "+" : ""}${data.points} points`);
  if (Number.isInteger(data.amount)) parts.push(`${data.amount} ${data.currency ?? ""}`.trim());
  for (const name of ["customer", "account", "tier"]) if (typeof data[name] === "string") parts.push(data[name]);
  return parts.join(" · ") || (webhook.event ?? "");
}

function time(webhook) {
  return new Date(webhook.received_at * 1000).toLocaleTimeString();
}

function faults(webhook) {
  return Object.values(webhook.signatures).filter((fault) => fault !== null);
}

function chip(webhook) {
  const count = faults(webhook).length;
  return make("span", count ? "signature ✗" : "signed ✓", count ? "chip bad" : "chip good");
}

function row(webhook) {
  const button = make("button");
  button.type = "button";
  button.append(make("span", webhook.type ?? "not an event", "type"));
  const line = make("span", undefined, "line");
  line.append(make("span", time(webhook)), make("span", gist(webhook), "gist"));
  if (webhook.delivery > 1) line.append(make("span", `delivery ${webhook.delivery}`, "chip again"));
  line.append(chip(webhook));
  button.append(line);
  if (webhook.number === chosen) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => {
    chosen = webhook.number;
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
  return fault === null ? make("span", "valid ✓", "chip good") : make("span", `invalid ✗ ${fault}`, "chip bad");
}

function full(webhook) {
  const value = parsed(webhook);
  const parts = [make("h1", webhook.type ?? "Not an event")];
  parts.push(make("p", `${webhook.event ?? "without an id"} · received ${new Date(webhook.received_at * 1000).toLocaleString()}`, "hint"));
  parts.push(make("h2", "Signatures"));
  parts.push(pairs(Object.entries(webhook.signatures).map(([name, fault]) => [name, verdict(fault)])));
  parts.push(make("h2", "Body"), make("pre", value === null ? webhook.body : JSON.stringify(value, null, 2)));
  parts.push(make("h2", "Headers"), pairs(Object.entries(webhook.headers)));
  parts.push(make("h2", "Raw body"), make("pre", webhook.body));
  return parts;
}

function matches(webhook) {
  const wanted = filter.value.trim().toLowerCase();
  return !wanted || `${webhook.type} ${webhook.event} ${webhook.body}`.toLowerCase().includes(wanted);
}

function show() {
  const [shown, apart] = [received.filter(matches), unsigned.filter(matches)];
  const heading = apart.length ? [make("li", "Refused, because this sandbox did not sign them:", "hint")] : [];
  list.replaceChildren(...shown.map(row), ...heading, ...apart.map(row));
  empty.hidden = received.length > 0 || unsigned.length > 0;
  const selected = [...received, ...unsigned].find((candidate) => candidate.number === chosen);
  detail.replaceChildren(...(selected ? full(selected) : [make("p", "Choose an event to see its headers, body and signatures.", "hint")]));
}

function showStatus(word, className) {
  live.textContent = word;
  live.className = className;
}

async function look() {
  if (isLooking) return;
  isLooking = true;
  try {
    let page = await ask(last);
    if (page.session !== session) {
      if (last) page = await ask(0); // the sandbox has restarted and counts from 1 again
      [session, received, unsigned, chosen] = [page.session, [], [], null];
      show();
    }
    last = page.last;
    showStatus("live", "on");
    if (page.data.length || page.unsigned.length) {
      received = [...page.data, ...received].slice(0, KEPT_MAX);
      unsigned = [...page.unsigned, ...unsigned].slice(0, UNSIGNED_MAX);
      chosen ??= received[0]?.number ?? null;
      show();
    }
  } catch {
    showStatus("the sandbox does not answer", "off");
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
