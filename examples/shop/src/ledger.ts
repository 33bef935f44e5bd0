/**
 * Ledger: lines over TCP.
 *
 *   ADD text   appends, answers `OK <number> <cluster>/<pod>`
 *   COUNT      answers `OK <number> <cluster>/<pod>`
 *   MIRROR     from here on every byte comes back as it is, until the client ends its side
 *
 * A line is at most 4096 bytes; a longer one, or an unknown word, is answered with `ERROR <reason>`, and a line that does
 * not end ends the connection. The number of lines is kept, not the lines.
 */
import { createServer, type Socket } from 'node:net';
import { type App, listening } from './app.js';

const MAX_LINE_BYTES = 4_096;
const NEWLINE = 0x0a;

export const ledger: App = {
  summary: 'TCP: ADD text, COUNT, MIRROR',
  needs: [],
  async start({ listen, servedBy }) {
    let entries = 0;
    const connections = new Set<Socket>();
    const respond = (line: string): string => {
      const [word] = line.split(' ', 1);
      if (word === 'ADD') entries += 1;
      else if (word !== 'COUNT') return `ERROR unknown word ${JSON.stringify(word)}; known: ADD, COUNT, MIRROR`;
      return `OK ${entries} ${servedBy.cluster}/${servedBy.pod}`;
    };

    const server = createServer({ allowHalfOpen: true }, (socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      socket.on('error', () => socket.destroy());
      serveLines(socket, respond);
    });
    await listening(server, listen);
    return {
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          for (const socket of connections) socket.end();
          setTimeout(() => {
            for (const socket of connections) socket.destroy();
          }, 1_000).unref();
        }),
    };
  },
};

function serveLines(socket: Socket, respond: (line: string) => string): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', receive);
  socket.on('end', finish);

  function receive(chunk: Buffer): void {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      const line = rest.toString('utf8', 0, end).trimEnd();
      rest = rest.subarray(end + 1);
      if (line === 'MIRROR') {
        mirror();
        return;
      }
      socket.write(`${respond(line)}\n`);
    }
    if (rest.length > MAX_LINE_BYTES) socket.end(`ERROR a line is at most ${MAX_LINE_BYTES} bytes\n`);
  }

  function finish(): void {
    socket.end();
  }

  function mirror(): void {
    socket.off('data', receive);
    socket.off('end', finish);
    if (rest.length > 0) socket.write(rest);
    socket.pipe(socket);
  }
}
