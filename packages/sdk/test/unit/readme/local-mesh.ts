import { readFile } from 'node:fs/promises';
import { createLogger, createScope, createStore } from '@isthmus/sdk';
import { createLocalSource } from '@isthmus/sdk/discovery';
import { realClock } from '@isthmus/sdk/runtime';

const path = 'mesh.json';
const store = createStore();
const { ready } = createLocalSource(createScope(), {
  name: path,
  read: () => readFile(path, 'utf8'),
  parse: JSON.parse,
  store,
  clock: realClock,
  log: createLogger(),
});
await ready;
