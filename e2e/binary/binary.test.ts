import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Lab, runOnce, silentProgress, startLab } from '@isthmus/tools/lab';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const NAME = 'isthmus-proxy-linux-x64';
const BINARY = `${DIST}${NAME}`;
const run = promisify(execFile);
/** A machine without Node: no variable, no path, another directory. */
const NOTHING = { env: {}, cwd: '/' } as const;

beforeAll(() => {
  if (!existsSync(BINARY)) throw new Error(`dist/${NAME} is not built; run npm run build:binary first`);
  process.env.ISTHMUS_LAB_PROXY = BINARY;
});

let lab: Lab | undefined;
afterEach(async () => {
  await lab?.close();
  lab = undefined;
});

describe('the single executable', () => {
  it('is what the checksums say, and so is its list of contents', () => {
    const sums = readFileSync(`${DIST}SHA256SUMS`, 'utf8').trim().split('\n');

    const actual = sums.map((line) => {
      const [, name = ''] = line.split('  ');
      return `${createHash('sha256')
        .update(readFileSync(`${DIST}${name}`))
        .digest('hex')}  ${name}`;
    });

    expect(actual).toEqual(sums);
    expect(sums).toHaveLength(2);
  });

  it('lists every package of the bundle, and the Node it carries with its OpenSSL', () => {
    const { bomFormat, components } = JSON.parse(readFileSync(`${BINARY}.cdx.json`, 'utf8')) as {
      bomFormat: string;
      components: { name: string; version: string; purl: string }[];
    };

    const names = components.map(({ name }) => name);
    expect(bomFormat).toBe('CycloneDX');
    expect(names).toEqual(expect.arrayContaining(['@grpc/grpc-js', '@isthmus/sdk', 'commander', 'node', 'openssl']));
    expect(names).not.toContain('vitest');
    for (const { version, purl } of components)
      expect(purl).toMatch(new RegExp(`^pkg:(npm|generic)/.+@${escaped(version)}$`));
  });

  it('runs where there is no Node: prints its version, its help and its settings', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../../packages/proxy/package.json', import.meta.url), 'utf8'));

    const [version, help, config] = await Promise.all([
      run(BINARY, ['--version'], NOTHING),
      run(BINARY, ['--help'], NOTHING),
      run(BINARY, ['config', 'ztunnel'], NOTHING),
    ]);

    expect(version.stdout.trim()).toBe(manifest.version);
    expect(help.stdout).toContain('east-west-gateway');
    expect(JSON.parse(config.stdout)).toMatchObject({ role: 'ztunnel' });
    expect([version, help, config].map(({ stderr }) => stderr)).toEqual(['', '', '']);
  });

  it('finds every library it is linked to in the image', () => {
    const dockerfile = readFileSync(new URL('../../deploy/docker/Dockerfile', import.meta.url), 'utf8');

    const linked =
      execFileSync('ldd', [BINARY], { encoding: 'utf8' }).match(/[\w+.-]+\.so(\.\d+)*(?= =>| \(0x)/g) ?? [];

    const absent = linked.filter((name) => !name.startsWith('linux-vdso') && !dockerfile.includes(name));
    expect(linked.length).toBeGreaterThan(3);
    expect(absent).toEqual([]);
  });

  it('exits with 2 and every problem when its settings cannot be used', () => {
    expect(() => execFileSync(BINARY, ['waypoint'], { ...NOTHING, stdio: 'pipe' })).toThrow(/PROXY_WORKLOAD_INFO/);
  });

  it('is every proxy of the lab, which names both ends of everything', async () => {
    lab = await startLab();

    const { ok, failures, missing } = await runOnce(lab, 24, silentProgress, new AbortController().signal);

    expect({ ok, failures, missing }).toEqual({ ok: true, failures: [], missing: [] });
    const proxy = lab.processes.get('east/ztunnel');
    expect(readlinkSync(`/proc/${proxy.pid}/exe`)).toBe(BINARY);
  });

  it('forks itself into workers, whose numbers are those of one proxy', async () => {
    lab = await startLab({ proxySettings: { ZTUNNEL_WORKER_THREADS: '2' } });
    const dump = await fetch(`http://${lab.world.clusters.east.ztunnel.ip}:15000/config_dump`);
    const { workers } = (await dump.json()) as { workers: { pid: number }[] };

    const { ok, failures, missing } = await runOnce(lab, 24, silentProgress, new AbortController().signal);

    expect({ ok, failures, missing }).toEqual({ ok: true, failures: [], missing: [] });
    expect(workers.map(({ pid }) => readlinkSync(`/proc/${pid}/exe`))).toEqual([BINARY, BINARY]);
  });
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
