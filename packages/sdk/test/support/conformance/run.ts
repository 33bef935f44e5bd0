/** Turns tables of cases into tests: one subject per table, one connection per case. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientCase, createClientSubject } from './client-subject.js';
import { createServerSubject, type ServerCase } from './server-subject.js';

export function serverCases(about: string, rows: readonly ServerCase[]): void {
  cases(`server: ${about}`, rows, createServerSubject);
}

export function clientCases(about: string, rows: readonly ClientCase[]): void {
  cases(`client: ${about}`, rows, createClientSubject);
}

type Case = ServerCase | ClientCase;

interface Subject<Row> {
  play(row: Row): Promise<{ readonly back: readonly string[]; readonly seen: readonly string[] }>;
  close(): Promise<void>;
}

function cases<Row extends Case>(about: string, rows: readonly Row[], create: () => Promise<Subject<Row>>): void {
  describe(about, () => {
    let subject: Subject<Row>;
    beforeAll(async () => {
      subject = await create();
    });
    afterAll(() => subject.close());

    it.each(rows.map((row) => [titleOf(row), row] as const))('%s', async (_, row) => {
      const { back, seen } = await subject.play(row);

      expect(back).toEqual(row.back);
      if (row.seen) expect(seen).toEqual(row.seen);
    });
  });
}

function titleOf({ section, rule, given }: Case): string {
  return `${section} ${rule}${given === undefined ? '' : ` [${given}]`}`;
}
