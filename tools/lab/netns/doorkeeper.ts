/**
 * Runs inside a network namespace and lets its starter, who is outside, connect to addresses in it. Listens on a Unix
 * socket, because those belong to no network namespace. A connection says where to on its first line, `<host> <port>`;
 * then it is that connection, half-close included.
 *
 *   node doorkeeper.js <path of the socket>
 */
import { connect, createServer, type Socket } from 'node:net';

const [path] = process.argv.slice(2);

createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
  client.on('error', () => {});
  let head: Buffer = Buffer.alloc(0);
  const read = (chunk: Buffer) => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\n');
    if (end < 0) return;
    client.pause();
    client.off('data', read);
    const [host, port] = head.subarray(0, end).toString().split(' ');
    join(client, connect({ host: host ?? '', port: Number(port), allowHalfOpen: true }), head.subarray(end + 1));
  };
  client.on('data', read);
  client.resume();
}).listen(path);

function join(client: Socket, server: Socket, first: Buffer): void {
  server.write(first);
  client.pipe(server);
  server.pipe(client);
  for (const [one, other] of [
    [client, server],
    [server, client],
  ] as const) {
    one.on('error', () => other.destroy());
    // After an orderly end the pipe has ended the other side, which may still have something to write.
    one.on('close', () => one.readableEnded || other.destroy());
  }
}
