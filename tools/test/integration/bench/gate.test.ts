/** The gate on a real case of the codec: it lets pass what is as fast as committed, and catches what has become slower. */
import { describe, expect, test } from 'vitest';
import { type BenchCase, loadSuite } from '../../../bench/case.js';
import { judge } from '../../../bench/gate.js';
import { measure } from '../../../bench/measure.js';

const EFFORT = { rounds: 5, seconds: 0.03 };
const SUITE = new URL('../../../../packages/codec-wasm/bench/cases/index.ts', import.meta.url);
const ID = 'hpack.decode.literal';

const found = (await loadSuite(SUITE)).find(({ id }) => id === ID);
if (found === undefined) throw new Error(`no case ${ID}`);
const benchCase = found;

/** What a baseline says after `--update` on this machine: at the low end of what is measured. */
const committed = 0.9 * measure(benchCase, EFFORT).result.ratio;
const BASELINE = { [ID]: { floor: committed / 4, ratio: committed } };

/** The same case whose subject does its work `times` times over. */
function slowed(times: number): BenchCase {
  return {
    ...benchCase,
    open: () => {
      const { operations, subject, peer } = benchCase.open();
      const repeated = () => {
        let sum = 0;
        for (let i = 0; i < times; i++) sum += subject();
        return sum;
      };
      return { operations, subject: repeated, peer };
    },
  };
}

async function gateOf(measured: BenchCase) {
  const once = () => measure(measured, EFFORT).result;
  return judge(BASELINE, [once()], async () => once());
}

describe('the gate', () => {
  test('passes a codec as fast as the committed one', async () => {
    const { failures } = await gateOf(benchCase);

    expect(failures).toEqual([]);
  });

  test('fails a codec that needs twice the time, by the committed ratio', async () => {
    const { failures } = await gateOf(slowed(2));

    expect(failures).toMatchObject([{ id: ID, rule: 'committed ratio' }]);
    expect(failures[0]?.ratio).toBeLessThan(committed * 0.85);
  });

  test('fails a codec that needs six times the time, by the floor', async () => {
    const { failures } = await gateOf(slowed(6));

    expect(failures).toMatchObject([{ id: ID, rule: 'floor', limit: committed / 4 }]);
  });
});
