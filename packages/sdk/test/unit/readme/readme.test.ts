/** The README's examples are files, which the type checker reads as the user's compiler would. */
import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
const files = (await readdir(new URL('.', import.meta.url))).filter((name) => !name.endsWith('.test.ts'));
const manifest = JSON.parse(await readFile(new URL('../../../package.json', import.meta.url), 'utf8'));

it('every example of the README is a file here, and every file here an example of the README', async () => {
  const sources = await Promise.all(files.map((name) => readFile(new URL(name, import.meta.url), 'utf8')));
  const examples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, source]) => source);

  expect(examples.sort()).toEqual(sources.sort());
});

it('the table of parts has every export of the package', () => {
  const listed = [...readme.matchAll(/^\| `(@isthmus\/sdk[^`]*)`/gm)].map(([, name]) => name);

  expect(listed.sort()).toEqual(
    Object.keys(manifest.exports)
      .map((path) => path.replace('.', '@isthmus/sdk'))
      .sort(),
  );
});
