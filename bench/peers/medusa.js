// Medusa's own functions over offers in memory: its computeActions without the queries that load them.
"use strict";

const Module = require("module");
const resolve = Module._resolveFilename;
// Its promotions import the whole framework for what @medusajs/utils has.
Module._resolveFilename = function (name, ...rest) {
  return resolve.call(this, name === "@medusajs/framework/utils" ? "@medusajs/utils" : name, ...rest);
};
const { ComputeActionUtils, areRulesValidForContext } = require("@medusajs/promotion/dist/utils");

exports.version = require("@medusajs/promotion/package.json").version;

const rule = (attribute, operator, values) => ({ attribute, operator, values: values.map(value => ({ value: String(value) })) });

exports.prepare = ({ cart, offers }) => {
  const total = cart.reduce((sum, line) => sum + line.units * line.price, 0);
  const promotions = offers.map(offer => promotion(offer));
  return async () => {
    const items = cart.map(line => ({
      id: line.sku, sku: line.sku, quantity: line.units, unit_price: line.price,
      subtotal: line.units * line.price, original_total: line.units * line.price, is_discountable: true,
    }));
    const context = { currency_code: "eur", item_total: total, items };
    const values = new Map(), bought = new Map(), targets = new Map(), actions = [];
    const sorted = [...promotions].sort((a, b) => b.application_method.value - a.application_method.value)
      .sort(ComputeActionUtils.sortByBuyGetType);
    for (const candidate of sorted) {
      if (!areRulesValidForContext(candidate.rules, context, "order")) continue;
      actions.push(...(candidate.type === "buyget"
        ? ComputeActionUtils.getComputedActionsForBuyGet(candidate, items, values, bought, targets)
        : ComputeActionUtils.getComputedActionsForItems(candidate, items, values, undefined)));
    }
    return actions.reduce((sum, action) => sum + Number(action.amount ?? 0), 0);
  };
};

function promotion(offer) {
  const things = [rule("items.sku", "in", offer.skus)];
  const out_of_reach = offer.min_minor > 1_000_000 || offer.min_units > 90;
  const method = { target_type: "items", allocation: "each", currency_code: "eur", target_rules: things };
  const shared = {
    code: `OFFER${offer.number}`, is_automatic: true, is_tax_inclusive: false,
    rules: out_of_reach ? [rule("item_total", "gte", [10_000_000])] : [],
  };
  if (offer.kind === "bogo")
    return { ...shared, type: "buyget", application_method: {
      ...method, type: "percentage", value: 100, max_quantity: 1, apply_to_quantity: 1,
      buy_rules: things, buy_rules_min_quantity: 2 } };
  const type = offer.kind === "percent" ? "percentage" : "fixed";
  return { ...shared, type: "standard", application_method: { ...method, type, value: offer.value, max_quantity: 100 } };
}
