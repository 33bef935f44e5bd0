/**
 * A plain TCP client, as any application that knows of no mesh: connects to a host by its name or address, sends what it
 * reads on standard input, ends, and prints what comes back. Exit code 1 when it cannot connect or the connection breaks.
 *
 *   echo COUNT | node line-client.js <host> <port>
 */
import { connect } from 'node:net';

/** A name that is not there and a network that does not answer are told soon. */
const TIMEOUT_MS = 10_000;

const [host = '', port] = process.argv.slice(2);
const socket = connect({ host, port: Number(port), allowHalfOpen: true });
socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
socket.on('connect', () => process.stdin.pipe(socket));
socket.on('end', () => socket.destroy());
socket.on('error', (error) => {
  process.stderr.write(`${host}:${port}: ${error.message}\n`);
  process.exit(1);
});
socket.pipe(process.stdout);
