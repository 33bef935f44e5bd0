/**
 * Peers built on nghttp2 (`nghttp`, `curl`) at our HBONE server: TLS 1.3 with a client certificate, ALPN, SETTINGS, HPACK
 * with a dynamic table and Huffman, padding, CONTINUATION, many streams. They send no CONNECT, so what they get is a 400;
 * that a whole answer comes back for each request is the point. Skipped, by name, where a program is not installed.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHboneFixture, echo, type HboneFixture, type RunningServer, WEB } from '../../support/hbone-fixture.js';

const run = promisify(execFile);

let fixture: HboneFixture;
let running: RunningServer;
let directory: string;
let url: string;
/** File names of what proves us to the server. */
let files: { readonly cert: string; readonly key: string };

beforeAll(async () => {
  fixture = await createHboneFixture();
  running = await fixture.serve(echo);
  url = `https://127.0.0.1:${running.address.port}/`;
  const { cert, key } = await fixture.authority.issuePem(WEB);
  directory = mkdtempSync(join(tmpdir(), 'isthmus-foreign-'));
  files = { cert: join(directory, 'cert.pem'), key: join(directory, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await fixture.close();
});

/** Whether the program is there; says so when it is not, once. */
function isInstalled(program: string): boolean {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0) return true;
  process.stderr.write(`skipped: ${program} is not installed (Debian: apt-get install nghttp2-client curl)\n`);
  return false;
}

describe.skipIf(!isInstalled('nghttp'))('nghttp at our server', () => {
  const nghttp = async (...options: string[]) => {
    const { stdout } = await run('nghttp', ['-nv', `--cert=${files.cert}`, `--key=${files.key}`, ...options], {
      maxBuffer: 8 * 1024 * 1024,
    });
    return stdout;
  };
  const answers = (text: string) => text.match(/recv \(stream_id=\d+\) :status: 400/g)?.length ?? 0;

  it('reads our SETTINGS and windows, and is answered (hbone §10.server.1, §10.server.3)', async () => {
    const text = await nghttp(url);

    expect(text).toMatch(/SETTINGS_MAX_CONCURRENT_STREAMS\(0x03\):200/);
    expect(text).toMatch(/SETTINGS_INITIAL_WINDOW_SIZE\(0x04\):4194304/);
    expect(text).toMatch(/SETTINGS_MAX_FRAME_SIZE\(0x05\):1048576/);
    expect(text).toMatch(/SETTINGS_MAX_HEADER_LIST_SIZE\(0x06\):65536/);
    expect(text).toMatch(/window_size_increment=16711681/);
    expect(answers(text)).toBe(1);
  });

  it.each([
    ['a hundred requests on one connection', ['-m', '100'], 100],
    ['padding on every frame', ['-m', '10', '--padding=200'], 10],
    ['headers in CONTINUATION', ['-m', '10', '--continuation'], 10],
    ['a dynamic table of its own size', ['-m', '10', '--encoder-header-table-size=16384', '--header-table-size=0'], 10],
    ['windows of its own', ['-m', '10', '-w', '10', '-W', '12'], 10],
    ['priorities that nobody reads', ['-m', '10', '-p', '200'], 10],
  ] as const)('is served with %s', async (_, options, count) => {
    const text = await nghttp(...options, url);

    expect(answers(text)).toBe(count);
    expect(text).not.toContain('recv GOAWAY');
  });

  it('is reset, not cut off, when it sends CONNECT with :scheme and :path (RFC 9113 section 8.5)', async () => {
    const text = await nghttp('-H', ':method: CONNECT', url);

    expect(text).toMatch(/recv RST_STREAM frame[\s\S]*PROTOCOL_ERROR/);
    expect(text).not.toMatch(/recv GOAWAY/);
  });
});

describe.skipIf(!isInstalled('curl'))('curl at our server', () => {
  it('agrees on h2 over TLS 1.3 and is answered', async () => {
    const { stdout } = await run('curl', [
      ...['--silent', '--insecure', '--http2', '--tlsv1.3', '--cert', files.cert, '--key', files.key],
      ...['--write-out', '%{http_version} %{http_code}', url],
    ]);

    expect(stdout).toBe('2 400');
  });

  it('gets no further without a certificate', async () => {
    const attempt = run('curl', ['--silent', '--insecure', '--http2', url]);

    await expect(attempt).rejects.toThrow();
    expect(running.server.activeStreams).toBe(0);
  });
});
