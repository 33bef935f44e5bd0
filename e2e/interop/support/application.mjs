/**
 * The application behind a ztunnel: sends back what it gets, and answers HTTP with who it is and how it was called.
 *
 *   node application.mjs <address> <echo port> <web port> <name>
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';

const [host, echoPort, webPort, name] = process.argv.slice(2);

createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.pipe(socket);
}).listen(Number(echoPort), host);

createHttpServer(({ method, url, headers }, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ name, method, url, headers }));
}).listen(Number(webPort), host);
