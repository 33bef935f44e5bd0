import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const LAB = fileURLToPath(new URL('../../dist/lab/main.js', import.meta.url));

it('a lab in network namespaces says in one line what is missing for it, and starts nothing', () => {
  // Whoever is root here has no `ip`, nor anything else, on this path.
  const env = { PATH: '/nonexistent' };

  const { status, stdout, stderr } = spawnSync(process.execPath, [LAB, '--netns', '--check'], {
    env,
    encoding: 'utf8',
  });

  const needs = process.platform !== 'linux' ? 'Linux' : process.getuid?.() === 0 ? 'a working "ip netns"' : 'root';
  expect(stderr).toMatch(/^--netns is not possible here; it needs [^\n]+; nft; curl[^\n]*\n$/);
  expect(stderr).toContain(`it needs ${needs}`);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
});
