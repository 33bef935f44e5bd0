// Loaded into each process of a soak (NODE_OPTIONS=--require): at SIGUSR2 it collects all garbage and writes down what is
// left. Without that one would measure how lazy the collector is, which on a process with much memory to use is very.
const { renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('SIGUSR2', () => {
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  const file = join(process.env.MEMORY_PROBE_DIRECTORY, `${process.pid}.json`);
  writeFileSync(`${file}.next`, JSON.stringify({ rss, live: heapUsed + external }), { mode: 0o600 });
  renameSync(`${file}.next`, file);
});
