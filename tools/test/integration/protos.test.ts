import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const script = join(import.meta.dirname, '../../gen/protos.mjs');
const run = (...options: string[]) => spawnSync(process.execPath, [script, ...options], { encoding: 'utf8' });

describe('generated messages', () => {
  it('are what the protos give', () => {
    const { status, stderr } = run('--check');

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('are left alone when the command is not understood', () => {
    const { status, stderr } = run('--chekc');

    expect(status).toBe(2);
    expect(stderr).toContain('usage: node tools/gen/protos.mjs [--check]');
  });
});
