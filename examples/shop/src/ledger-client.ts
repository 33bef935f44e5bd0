/** One entry in the ledger: connect, `ADD`, read the answer, close. */
import { connect } from 'node:net';
import type { Upstream } from './settings.js';

const CALL_TIMEOUT_MS = 5_000;

export interface Entry {
  readonly number: number;
  /** `cluster/pod` of the replica that keeps it. */
  readonly keptBy: string;
}

export function addEntry({ name, dial }: Upstream, text: string): Promise<Entry> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: dial.host, port: dial.port });
    let answer = '';
    socket.setTimeout(CALL_TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)));
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.end(`ADD ${text.replaceAll('\n', ' ')}\n`));
    socket.on('data', (piece: string) => {
      answer += piece;
    });
    socket.on('error', (error) => reject(new Error(`${name}: ${error.message}`)));
    socket.on('close', () => {
      const [, number, keptBy] = /^OK (\d+) (\S+)\n$/.exec(answer) ?? [];
      if (number && keptBy) resolve({ number: Number(number), keptBy });
      else reject(new Error(`${name}: ${answer === '' ? 'closed without an answer' : answer.trim()}`));
    });
  });
}
