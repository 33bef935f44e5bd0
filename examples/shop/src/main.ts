#!/usr/bin/env node
/** `node dist/main.js <app>`: one app of the shop in the foreground until SIGTERM or SIGINT. */
import type { App } from './app.js';
import { messageOf } from './http.js';
import { ledger } from './ledger.js';
import { ratings } from './ratings.js';
import { recommendations } from './recommendations.js';
import { reviews } from './reviews.js';
import { readSettings } from './settings.js';
import { storefront } from './storefront.js';

const APPS: Readonly<Record<string, App>> = { storefront, reviews, ratings, recommendations, ledger };
/** A connection that outlives this after SIGTERM is cut. */
const STOP_MS = 3_000;

const [name = ''] = process.argv.slice(2);
const app = APPS[name];
if (!app) {
  const rows = Object.entries(APPS).map(([key, { summary }]) => `  ${key.padEnd(16)}${summary}`);
  const text = `usage: main.js <app>\n${rows.join('\n')}\nLISTEN=host:port and one variable for each service it calls (see src/settings.ts).\n`;
  const asked = name === '--help';
  (asked ? process.stdout : process.stderr).write(text);
  process.exit(asked ? 0 : 2);
}

try {
  const settings = readSettings(process.env, app.needs);
  const running = await app.start(settings);
  process.stdout.write(`${name} listens on ${settings.listen.host}:${settings.listen.port}\n`);
  const stop = () => {
    setTimeout(() => process.exit(0), STOP_MS).unref();
    void running.close().then(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  process.stderr.write(`${name}: ${messageOf(error)}\n`);
  process.exit(1);
}
