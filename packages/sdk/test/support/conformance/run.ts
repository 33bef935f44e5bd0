/** Turns tables of cases into tests: one subject per file, one connection per case. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientCase, type ClientSubject, createClientSubject } from './client-subject.js';
import { createServerSubject, type ServerCase, type ServerSubject } from './server-subject.js';

export function serverCases(about: string, rows: readonly ServerCase[]): void {
  describe(`server: ${about}`, () => {
    let subject: ServerSubject;
    beforeAll(async () => {
      subject = await createServerSubject();
    });
    afterAll(() => subject.close());

    it.each(rows.map((row) => [titleOf(row), row] as const))('%s', async (_, row) => {
      const { back, seen } = await subject.play(row);

      expect(back).toEqual(row.back);
      if (row.seen) expect(seen).toEqual(row.seen);
    });
  });
}

export function clientCases(about: string, rows: readonly ClientCase[]): void {
  describe(`client: ${about}`, () => {
    let subject: ClientSubject;
    beforeAll(async () => {
      subject = await createClientSubject();
    });
    afterAll(() => subject.close());

    it.each(rows.map((row) => [titleOf(row), row] as const))('%s', async (_, row) => {
      const { back, seen } = await subject.play(row);

      expect(back).toEqual(row.back);
      if (row.seen) expect(seen).toEqual(row.seen);
    });
  });
}

function titleOf({ section, rule, given }: ServerCase | ClientCase): string {
  return `${section} ${rule}${given === undefined ? '' : ` [${given}]`}`;
}
