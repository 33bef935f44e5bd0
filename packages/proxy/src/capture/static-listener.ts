/**
 * A listener that leads to one service, for applications that speak no SOCKS5. Its protocol has no way to say why a
 * connection failed, so a refusal is a reset: an orderly end would look like an empty answer.
 */
import type { Scope } from '@isthmus/sdk/runtime';
import type { OutboundListener } from '../config.js';
import { clientOf } from './client.js';
import type { CaptureInit } from './socks5-server.js';
import { listenTcp } from './tcp-listener.js';

/** Resolves with the bound port. */
export function serveStatic(scope: Scope, listener: OutboundListener, init: CaptureInit): Promise<number> {
  const { address, workload, target } = listener;
  return listenTcp(scope, {
    address,
    keepAliveMs: init.keepAliveMs,
    drain: init.drain,
    log: init.log,
    onConnection(socket) {
      socket.on('error', () => {});
      init.onCaptured({
        workload,
        target: { kind: 'hostname', hostname: target.host, port: target.port },
        socket,
        ...clientOf(socket),
        accept() {},
        refuse: () => void socket.resetAndDestroy(),
      });
    },
  });
}
