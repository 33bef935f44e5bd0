import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCacerts } from '../../src/ca/index.js';
import { createProgram } from '../../src/commands/program.js';
import { toYaml } from '../support/derive.js';
import { namespace, service } from '../support/objects.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-cli-'));
});
afterEach(() => rm(directory, { recursive: true }));

/** What the program prints, and the error it ends with. */
async function run(...args: readonly string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const program = createProgram('0.0.0', { out: (text) => out.push(text), err: (text) => err.push(text) });
  const error = await program.parseAsync(args, { from: 'user' }).then(
    () => undefined,
    (reason: Error) => reason,
  );
  return {
    out: out.join('\n').replaceAll(directory, ''),
    err: err.join('\n').replaceAll(directory, ''),
    error: error?.message.replaceAll(directory, ''),
  };
}

const modeOf = async (...path: readonly string[]) => ((await stat(join(directory, ...path))).mode & 0o777).toString(8);

describe('validate', () => {
  it('prints all problems of all directories and fails', async () => {
    await mkdir(join(directory, 'east'));
    await mkdir(join(directory, 'west'));
    await writeFile(
      join(directory, 'east', 'a.yaml'),
      toYaml([namespace('shop'), service('a', { labels: { 'istio.io/use-waypoint': 'w' } })]),
    );
    await writeFile(join(directory, 'west', 'a.yaml'), 'apiVersion: v1\nkind: Pod\nmetadata: {name: A}\n');

    const { out, err, error } = await run('validate', join(directory, 'east'), join(directory, 'west'));

    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^\/east\/a\.yaml:\d+:1 metadata\.labels: warning: waypoint shop\/w does not exist/),
      '/west/a.yaml:3:18 metadata.name: expected a name of lower case letters, digits, "-" and "." (RFC 1123), found the string "A"',
    ]);
    expect(out.split('\n')).toEqual([
      '/east: 2 objects in 1 files, 0 errors, 1 warnings',
      '/west: 0 objects in 1 files, 1 errors, 0 warnings',
    ]);
    expect(error).toBe('');
  });

  it('is content with good files, and can say so as JSON', async () => {
    const root = namespace('istio-system', { 'topology.istio.io/network': 'network-1' });
    await writeFile(join(directory, 'a.yaml'), toYaml([namespace('shop'), root]));

    const { out, error } = await run('validate', '--json', directory);

    expect(JSON.parse(out)).toEqual({ ok: true, directories: [{ directory: '', files: 1, objects: 2, problems: [] }] });
    expect(error).toBeUndefined();
  });

  it('fails for a directory that is not there', async () => {
    const { err, error } = await run('validate', join(directory, 'nowhere'));

    expect(err).toContain('/nowhere:1:1: cannot be read: ENOENT');
    expect(error).toBe('');
  });
});

describe('token', () => {
  it('makes the key once, for its owner only, and signs claims shaped like those of Kubernetes', async () => {
    const key = join(directory, 'key.pem');
    const file = join(directory, 'token');
    const args = [
      'token',
      '--key-file',
      key,
      '--namespace',
      'shop',
      '--service-account',
      'reviews',
      '--pod',
      'reviews-1',
      '--node',
      'node-1',
      '--ttl',
      '1h',
    ];

    const first = await run(...args, '--out', file);
    const second = await run(...args);

    expect([first.err, second.err]).toEqual(['/key.pem: new key', '']);
    expect(first.out).toMatch(/^\/token: shop\/reviews, expires /);
    expect([await modeOf('key.pem'), await modeOf('token')]).toEqual(['600', '600']);
    const token = await readFile(file, 'utf8');
    expect(token).not.toMatch(/\s/);
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', kid: decodeProtectedHeader(second.out).kid });
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({
      iss: 'isthmus-control-plane',
      aud: 'istio-ca',
      sub: 'system:serviceaccount:shop:reviews',
      'kubernetes.io': {
        namespace: 'shop',
        serviceaccount: { name: 'reviews' },
        pod: { name: 'reviews-1' },
        node: { name: 'node-1' },
      },
    });
    expect(claims.exp! - claims.iat!).toBe(3600);
  });

  it.each([
    [['--ttl', 'soon'], '--ttl: expected a duration such as 1h, found soon'],
    [['--config', '/nowhere.yaml'], 'the configuration cannot be read'],
    [[], 'give --config with tokens.keyFile, or --key-file'],
  ])('with %j says what is wrong', async (args, message) => {
    const { error } = await run('token', '--namespace', 'a', '--service-account', 'b', ...args);

    expect(error).toContain(message);
  });
});

describe('cacerts', () => {
  it('puts clusters below one root, with keys for their owner only', async () => {
    const make = (cluster: string) =>
      run('cacerts', '--out', join(directory, cluster), '--cluster', cluster, '--trust-domain', 'mesh.example');

    const east = await make('east');
    const west = await make('west');

    expect(east.out).toMatch(
      /^\/east: intermediate CA of east \(mesh\.example\), valid until .*; root made in \/root$/,
    );
    expect(west.out).toMatch(/root reused in \/root$/);
    expect((await readdir(join(directory, 'east'))).sort()).toEqual([
      'ca-cert.pem',
      'ca-key.pem',
      'cert-chain.pem',
      'root-cert.pem',
    ]);
    expect([await modeOf('east', 'ca-key.pem'), await modeOf('root', 'root-key.pem')]).toEqual(['600', '600']);
    const [one, two] = [
      await loadCacerts(join(directory, 'east'), Date.now()),
      await loadCacerts(join(directory, 'west'), Date.now()),
    ];
    expect(one.roots).toBe(two.roots);
    expect(one.intermediates).toHaveLength(1);
    expect(one.warnings).toEqual([]);
  });

  it('leaves certificates readable and keys to their owner while a root is replaced', async () => {
    const [ca, next] = [join(directory, 'ca'), join(directory, 'next')];
    await run('cacerts', '--out', ca, '--cluster', 'east');
    const modes = () =>
      Promise.all(['root-cert.pem', 'ca-cert.pem', 'cert-chain.pem', 'ca-key.pem'].map((file) => modeOf('ca', file)));
    const before = await modes();

    const added = await run('cacerts', 'add-root', '--ca', ca, '--root', next);
    const switched = await run('cacerts', 'switch', '--ca', ca, '--root', next, '--cluster', 'east', '--force');

    expect([added.error, switched.error]).toEqual([undefined, undefined]);
    expect(await modes()).toEqual(before);
    expect(before.at(-1)).toBe('600');
  });

  it('never overwrites a key', async () => {
    const args = ['cacerts', '--out', join(directory, 'east'), '--cluster', 'east'];
    await run(...args);
    const before = await readFile(join(directory, 'east', 'ca-key.pem'), 'utf8');

    const { error } = await run(...args);

    expect(error).toBe('/east/ca-key.pem exists; a key is never overwritten, remove it first');
    expect(await readFile(join(directory, 'east', 'ca-key.pem'), 'utf8')).toBe(before);
  });

  it('makes files that are refused when they do not belong together', async () => {
    await run('cacerts', '--out', join(directory, 'a'), '--root', join(directory, 'r1'), '--cluster', 'a');
    await run('cacerts', '--out', join(directory, 'b'), '--root', join(directory, 'r2'), '--cluster', 'b');
    const swap = async (name: string) =>
      writeFile(join(directory, 'a', name), await readFile(join(directory, 'b', name)));
    const load = () => loadCacerts(join(directory, 'a'), Date.now());

    await swap('ca-key.pem');
    await expect(load()).rejects.toThrow('ca-key.pem is not the key of ca-cert.pem');
    await swap('root-cert.pem');
    await expect(load()).rejects.toThrow(
      /not the key of ca-cert\.pem; ca-cert\.pem and cert-chain\.pem do not lead to a certificate in root-cert\.pem/,
    );
    await rm(join(directory, 'a', 'root-cert.pem'));
    await expect(load()).rejects.toThrow(/is not complete: ENOENT.*root-cert\.pem/);
    await expect(loadCacerts(join(directory, 'b'), Date.now() + 900 * 86_400_000)).rejects.toThrow(
      /ca-cert\.pem expired on/,
    );
  });
});

describe('serve', () => {
  it('prints all problems of its configuration and does not start', async () => {
    const file = join(directory, 'config.yaml');
    await writeFile(
      file,
      'clusterId: east\nsources: [{cluster: east, network: n, directory: d}]\nca: {directory: ca}\n',
    );

    const { err, error } = await run('serve', '--config', file);

    expect(err).toBe(
      '/config.yaml:1:1 tokens.keyFile: is missing; without it, other issuers and an API that reviews tokens, no proxy can prove who it is',
    );
    expect(error).toBe('1 problem(s) in /config.yaml');
  });
});
