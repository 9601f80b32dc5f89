// Times one evaluation of the cart repeatedly, and prints its discount and how long it took.
"use strict";

const UNITS = "units:", VALUE = "value:";

async function main() {
  const work = JSON.parse(require("fs").readFileSync(0, "utf8"));
  const engine = require(`./${process.argv[2]}.js`);
  const seconds = Number(process.argv[3]);
  const evaluate = engine.prepare(work);
  const until = performance.now() + 1000 * seconds;
  const times = [];
  let discount = 0;
  for (let round = 0; round < 5; round++) discount = await evaluate();
  while (performance.now() < until || times.length < 20) {
    const start = performance.now();
    discount = await evaluate();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const at = share => times[Math.min(Math.floor(times.length * share), times.length - 1)];
  console.log(JSON.stringify({ discount, p50_ms: at(0.5), p99_ms: at(0.99), rounds: times.length, version: engine.version }));
}

module.exports = { UNITS, VALUE };
if (require.main === module) main();
