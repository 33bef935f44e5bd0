/**
 * What is inside the executable, as CycloneDX 1.5: every npm package of which at least one file is in the bundle, with the
 * hash the lock file pins it by, and Node with the libraries it is linked from. From the bundle rather than from the
 * dependency tree: what was not taken in is not there. Without time and serial number, so that equal builds give equal files.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NAME, NODE } from './pins.mjs';

export function describeContents({ root, version, inputs, node }) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const packages = [...new Set(inputs.flatMap((path) => lockKeyOf(path, lock)))].sort();
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {
      component: { type: 'application', name: NAME, version, licenses: [{ license: { id: 'Apache-2.0' } }] },
    },
    components: [...packages.map((key) => npmComponent(root, key, lock[key])), ...nodeComponents(node)],
  };
}

/** The longest entry of the lock file that the file lies below; links lead to workspaces, whose files have paths of their own. */
function lockKeyOf(path, lock) {
  const parts = path.split('/');
  for (let end = parts.length; end > 0; end -= 1) {
    const key = parts.slice(0, end).join('/');
    if (key in lock && !lock[key].link) return [key];
  }
  return [];
}

function npmComponent(root, key, { version, license, integrity }) {
  const { name } = JSON.parse(readFileSync(join(root, key, 'package.json'), 'utf8'));
  const [algorithm, digest] = (integrity ?? '').split('-');
  return {
    type: 'library',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    ...(license && { licenses: [{ expression: license }] }),
    ...(algorithm === 'sha512' && {
      hashes: [{ alg: 'SHA-512', content: Buffer.from(digest, 'base64').toString('hex') }],
    }),
  };
}

/** As Node tells of itself. Only what scanners know by name. */
const LINKED = [
  'openssl',
  'v8',
  'uv',
  'zlib',
  'brotli',
  'zstd',
  'ares',
  'nghttp2',
  'llhttp',
  'icu',
  'undici',
  'simdjson',
];

function nodeComponents(node) {
  const versions = JSON.parse(execFileSync(node, ['-p', 'JSON.stringify(process.versions)'], { encoding: 'utf8' }));
  const generic = (name, version) => ({
    type: 'library',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    purl: `pkg:generic/${name}@${version}`,
  });
  const hash = Buffer.from(NODE.integrity.split('-')[1], 'base64').toString('hex');
  const itself = {
    ...generic('node', NODE.version),
    type: 'platform',
    hashes: [{ alg: 'SHA-512', content: hash }],
    properties: [{ name: 'isthmus:npm', value: `${NODE.package}@${NODE.version}` }],
  };
  return [itself, ...LINKED.flatMap((name) => (versions[name] ? [generic(name, versions[name])] : []))];
}
