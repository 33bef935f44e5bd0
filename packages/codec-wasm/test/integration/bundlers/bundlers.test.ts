/** Bundled as a web application would bundle it, and run where there is no Node: a bare context, and Chromium. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { chromium } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { bundleByEsbuild, bundleByVite } from './bundle.js';
import { report } from './guest.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const HERE = fileURLToPath(new URL('.', import.meta.url));
const DIST = fileURLToPath(new URL('../../../dist/', import.meta.url));
const BUNDLERS = [
  { bundler: 'esbuild', bundle: bundleByEsbuild },
  { bundler: 'vite', bundle: bundleByVite },
];

/** What browsers, workers and every edge runtime have besides the language. */
const WEB = { atob, crypto, TextDecoder, TextEncoder };

describe.each(BUNDLERS)('a bundle by $bundler', ({ bundle }) => {
  test('holds what is published, and nothing of Node', async () => {
    const { inputs } = await bundle();

    const guests = inputs.filter((path) => path.startsWith(HERE));
    const published = inputs.filter((path) => path.startsWith(DIST) && path.endsWith('.js'));
    expect(guests.length).toBe(2);
    expect(published.length).toBeGreaterThan(5);
    expect(inputs.length).toBe(guests.length + published.length);
  });

  test('says the same in a context that has no Node globals', async () => {
    const { code } = await bundle();
    const context = createContext({ ...WEB });

    runInContext(code, context, { timeout: 10_000 });

    expect(runInContext('typeof process + typeof Buffer + typeof require', context)).toBe('undefined'.repeat(3));
    expect(runInContext('globalThis.answer', context)).toBe(report());
  });
});

describe('in a real browser', () => {
  test.for(BUNDLERS)('a bundle by $bundler says the same', { timeout: 60_000 }, async ({ bundle }, { skip }) => {
    if (!existsSync(CHROMIUM)) skip(`no Chromium at ${CHROMIUM}; name one by CHROMIUM`);
    const { code } = await bundle();
    const profile = await mkdtemp(join(tmpdir(), 'codec-wasm-chromium-'));
    const browser = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, args: FLAGS });
    try {
      const page = await browser.newPage();

      await page.setContent('<!doctype html><title>codec</title>');
      await page.addScriptTag({ content: code });

      expect(await page.evaluate('globalThis.answer')).toBe(report());
    } finally {
      await browser.close();
      await rm(profile, { recursive: true, force: true });
    }
  });
});

/** Root may not sandbox; the rest keeps it from calling home. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
