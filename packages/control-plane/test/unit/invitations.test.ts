/** When a control plane listens to who it does not know: while it has invited somebody. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFederationState } from '../../src/federation/index.js';

const NOW = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'isthmus-invitations-'));
});
afterEach(() => rm(directory, { recursive: true }));

describe('a control plane', () => {
  it('is inviting from an invitation until that is spent', async () => {
    const state = createFederationState(directory);
    await state.prepare();
    const before = await state.isInviting(NOW);
    const { id, secret } = await state.invite(NOW, HOUR_MS);
    const meanwhile = await state.isInviting(NOW);

    const refusals = [await state.redeem(id, 'guessed', NOW), await state.redeem(id, secret, NOW)];

    expect(refusals).toEqual(['the secret of the invitation is wrong', undefined]);
    expect([before, meanwhile, await state.isInviting(NOW)]).toEqual([false, true, false]);
    expect(await readdir(join(directory, 'invitations'))).toEqual([]);
  });

  it('is inviting no longer a day after an invitation was too late, nor by a file that is none', async () => {
    const state = createFederationState(directory);
    await state.invite(NOW, HOUR_MS);
    await writeFile(join(directory, 'invitations', '0123456789abcdef.json'), '{');

    const [late, gone] = [await state.isInviting(NOW + 2 * HOUR_MS), await state.isInviting(NOW + 26 * HOUR_MS)];

    expect([late, gone]).toEqual([true, false]);
  });
});
