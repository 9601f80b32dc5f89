// json-rules-engine finds the offers that apply; their discounts are computed here, since it leaves that to its callers.
"use strict";

const { Engine } = require("json-rules-engine");
const { UNITS, VALUE } = require("./measure.js");

const PHASES = ["fixed", "bogo", "percent"];

exports.version = require("json-rules-engine/package.json").version;

exports.prepare = ({ cart, offers }) => {
  const engine = new Engine([], { allowUndefinedFacts: true });
  for (const offer of offers) {
    // At most one of an offer's things is in the cart, so any of them may reach the threshold.
    const any = offer.skus.map(sku => offer.min_minor
      ? { fact: VALUE + sku, operator: "greaterThanInclusive", value: offer.min_minor }
      : { fact: UNITS + sku, operator: "greaterThanInclusive", value: offer.min_units });
    engine.addRule({ conditions: { any }, event: { type: offer.kind, params: offer } });
  }
  return async () => {
    const facts = {};
    for (const line of cart) {
      facts[UNITS + line.sku] = line.units;
      facts[VALUE + line.sku] = line.units * line.price;
    }
    const { events } = await engine.run(facts);
    return take(cart, events.map(event => event.params));
  };
};

function take(cart, offers) {
  const lines = new Map(cart.map(line => [line.sku, { left: line.units * line.price, units: line.units }]));
  offers.sort((a, b) => PHASES.indexOf(a.kind) - PHASES.indexOf(b.kind) || a.number - b.number);
  let total = 0;
  for (const offer of offers) {
    for (const sku of offer.skus) {
      const line = lines.get(sku);
      if (!line) continue;
      let off = 0;
      if (offer.kind === "fixed") off = Math.min(offer.value * line.units, line.left);
      else if (offer.kind === "percent") off = Math.floor((line.left * offer.value) / 100);
      else if (line.units >= 3) { off = Math.floor(line.left / line.units); line.units -= 1; }
      line.left -= off;
      total += off;
    }
  }
  return total;
}
