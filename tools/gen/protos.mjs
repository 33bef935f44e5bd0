/**
 * Generates packages/sdk/src/wire/gen from packages/sdk/proto, with the pinned buf and protoc-gen-es; nothing is fetched.
 *
 *   node tools/gen/protos.mjs           writes the files
 *   node tools/gen/protos.mjs --check   writes nothing; exits 1 and names the files that differ from what is committed
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const protoDir = join(root, 'packages/sdk/proto');
const committedDir = join(root, 'packages/sdk/src/wire/gen');

const [option, ...rest] = process.argv.slice(2);
if (rest.length > 0 || (option !== undefined && option !== '--check')) {
  console.error('usage: node tools/gen/protos.mjs [--check]');
  process.exit(2);
}
if (option === '--check') process.exit(check() ? 0 : 1);
generate(committedDir);

function generate(outDir) {
  const template = {
    version: 'v2',
    clean: true,
    plugins: [
      {
        local: join(root, 'node_modules/.bin/protoc-gen-es'),
        out: outDir,
        // ts_nocheck: the plugin writes TypeScript enums, which `erasableSyntaxOnly` refuses in files it checks.
        opt: ['target=ts', 'import_extension=js', 'ts_nocheck=true'],
      },
    ],
  };
  const buf = join(root, 'node_modules/.bin/buf');
  execFileSync(buf, ['generate', '--template', JSON.stringify(template)], { cwd: protoDir, stdio: 'inherit' });
}

function check() {
  const freshDir = mkdtempSync(join(tmpdir(), 'isthmus-gen-'));
  try {
    generate(freshDir);
    const fresh = readAll(freshDir);
    const committed = readAll(committedDir);
    const names = [...new Set([...fresh.keys(), ...committed.keys()])].sort();
    const stale = names.filter((name) => fresh.get(name) !== committed.get(name));
    for (const name of stale) {
      console.error(`packages/sdk/src/wire/gen/${name} is not what packages/sdk/proto gives; run npm run gen and commit it`);
    }
    return stale.length === 0;
  } finally {
    rmSync(freshDir, { recursive: true, force: true });
  }
}

function readAll(dir) {
  return new Map(readdirSync(dir).map((name) => [name, readFileSync(join(dir, name), 'utf8')]));
}
