/**
 * Starts a program with two listening sockets in its hands, as systemd does for a unit with two socket units that say
 * Transparent=yes: the program inherits them from descriptor 3 on and is told so by LISTEN_FDS.
 *
 *   node hand-over.mjs <program> <argument>...
 */
import { spawn } from 'node:child_process';
import koffi from 'koffi';

const library = koffi.load(null);
const socket = library.func('int socket(int domain, int type, int protocol)');
const setsockopt = library.func('int setsockopt(int fd, int level, int name, const int *value, uint32_t length)');
const bind = library.func('int bind(int fd, const uint8_t *address, uint32_t length)');
const listen = library.func('int listen(int fd, int backlog)');

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOL_IP = 0;
const IP_TRANSPARENT = 19;

function transparentListener(ip, port) {
  const fd = done('socket', socket(AF_INET, SOCK_STREAM, 0));
  done('setsockopt', setsockopt(fd, SOL_IP, IP_TRANSPARENT, [1], 4));
  const address = Uint8Array.of(AF_INET, 0, port >> 8, port & 0xff, ...ip.split('.').map(Number), ...Array(8).fill(0));
  done('bind', bind(fd, address, address.length));
  done('listen', listen(fd, 128));
  return fd;
}

function done(what, result) {
  if (result < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
  return result;
}

const sockets = [transparentListener('127.0.0.1', 15001), transparentListener('0.0.0.0', 15006)];
// The shell knows the id the program will have, because the program takes its place.
const start = ['-c', 'LISTEN_PID=$$ exec "$0" "$@"', process.execPath, ...process.argv.slice(2)];
const child = spawn('sh', start, {
  stdio: ['ignore', 'inherit', 'inherit', ...sockets],
  env: { ...process.env, LISTEN_FDS: '2', LISTEN_FDNAMES: 'outbound:inbound-plaintext' },
});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
