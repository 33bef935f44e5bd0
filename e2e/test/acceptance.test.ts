/** Acceptance of a mesh of several clusters that needs running proxies; docs/acceptance.md lists where the other numbers are. */
import { gatewayName, getBySocks5, type Lab, serviceAddress, socks5Entry, startLab } from '@isthmus/tools/lab';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab({ eastWestGateways: 2 });
});
afterAll(async () => {
  await lab?.close();
});

describe('6.6-5 gateway death', () => {
  it('of two east-west gateways one is killed under load: at least 99.9 % of the calls succeed', async () => {
    const lanes = 2;
    const callsPerLane = 600;
    const entry = socks5Entry(lab.world, 'east');
    // Ratings run in west only; each call is a connection of its own.
    const call = async (): Promise<string> => {
      const answer = await getBySocks5(entry, serviceAddress('ratings'), '/ratings/1').catch(String);
      return typeof answer === 'string' ? answer : `status ${answer.status}`;
    };

    const results = await Promise.all(
      Array.from({ length: lanes }, async (_, lane) => {
        const outcomes: string[] = [];
        while (outcomes.length < callsPerLane) {
          if (lane === 0 && outcomes.length === 150) await lab.kill(`west/${gatewayName(1)}`);
          outcomes.push(await call());
        }
        return outcomes;
      }),
    );

    const outcomes = results.flat();
    const failures = outcomes.filter((outcome) => outcome !== 'status 200');
    expect(lab.processes.get(`west/${gatewayName(1)}`).exit()).toBeDefined();
    expect(outcomes).toHaveLength(lanes * callsPerLane);
    expect(failures.length, failures.slice(0, 5).join('; ')).toBeLessThanOrEqual(outcomes.length / 1_000);
  });
});
