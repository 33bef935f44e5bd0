/**
 * Clients built on nghttp2 through a whole mesh: `h2load` and `curl` speak plain HTTP/2 into a listener of east's ztunnel;
 * it goes over HBONE to a waypoint, and each request from there through a gateway to the other network. Skipped, by name, where a program
 * is not installed.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Lab, listRequest, podOf, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);

function isInstalled(program: string): boolean {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0) return true;
  process.stderr.write(`skipped: ${program} is not installed (Debian: apt-get install nghttp2-client curl)\n`);
  return false;
}

const INSTALLED = { h2load: isInstalled('h2load'), curl: isInstalled('curl') };

describe.skipIf(!INSTALLED.h2load && !INSTALLED.curl)('nghttp2 through ztunnel and waypoint', () => {
  let lab: Lab;
  let directory: string;
  /** A gRPC message in a file, and where it is posted to. */
  let post: { readonly file: string; readonly url: string };
  const GRPC = ['content-type: application/grpc', 'te: trailers'].flatMap((header) => ['-H', header]);

  beforeAll(async () => {
    lab = await startLab();
    directory = mkdtempSync(join(tmpdir(), 'isthmus-foreign-'));
    const message = listRequest('1');
    const file = join(directory, 'list-request');
    writeFileSync(file, Buffer.from([0, 0, 0, 0, message.length, ...message]));
    // 10,000 before the port of recommendations: the lab's listeners.
    const url = `http://${podOf(lab.world, 'east', 'storefront').ip}:19090/shop.v1.Recommendations/List`;
    post = { file, url };
  });
  afterAll(async () => {
    rmSync(directory, { recursive: true, force: true });
    await lab?.close();
  });

  const h2load = async (...options: string[]) =>
    (await run('h2load', [...options, '-d', post.file, ...GRPC, post.url])).stdout;

  it.skipIf(!INSTALLED.h2load)(
    'serves h2load: 1,000 requests on 4 connections, 25 at once on each, none fails',
    async () => {
      const report = await h2load('-n', '1000', '-c', '4', '-m', '25');

      expect(report).toContain('1000 succeeded, 0 failed, 0 errored, 0 timeout');
      expect(report).toContain('1000 2xx, 0 3xx, 0 4xx, 0 5xx');
    },
  );

  it.skipIf(!INSTALLED.h2load)('serves h2load with windows of one kilobyte and no dynamic table', async () => {
    const report = await h2load('-n', '100', '-c', '2', '-m', '10', '-w', '10', '-W', '10', '--header-table-size=0');

    expect(report).toContain('100 succeeded, 0 failed, 0 errored, 0 timeout');
  });

  it.skipIf(!INSTALLED.curl)('serves curl by HTTP/2 with prior knowledge', async () => {
    const { stdout } = await run('curl', [
      ...['--silent', '--http2-prior-knowledge', ...GRPC, '--data-binary', `@${post.file}`],
      ...['--output', join(directory, 'answer'), '--write-out', '%{http_version} %{http_code}', post.url],
    ]);

    expect(stdout).toBe('2 200');
    expect(readFileSync(join(directory, 'answer')).length).toBeGreaterThan(5);
  });
});
