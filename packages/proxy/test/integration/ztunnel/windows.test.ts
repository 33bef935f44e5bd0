/** ztunnel's variables for windows, frames and streams: what is set is what a peer is told and what the pool does. */
import { once } from 'node:events';
import { connect as connectHttp2, type Settings } from 'node:http2';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { socks5 } from '../../support/tcp.js';
import { identity, RATINGS, startTwoClusters, type TwoClusters } from '../../support/two-clusters.js';

let mesh: TwoClusters;
beforeAll(async () => {
  mesh = await startTwoClusters({
    env: {
      HTTP2_STREAM_WINDOW_SIZE: '131072',
      HTTP2_CONNECTION_WINDOW_SIZE: '1048576',
      HTTP2_FRAME_SIZE: '32768',
      POOL_MAX_STREAMS_PER_CONNECTION: '2',
    },
  });
});
afterAll(() => mesh?.close());

it('a peer is told the windows and the frame size', async () => {
  const tls = connect({
    ...(await mesh.authority.issuePem(identity('storefront'))),
    host: mesh.addresses.ratings,
    port: 15008,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  });
  await once(tls, 'secureConnect');
  const session = connectHttp2('http://ratings', { createConnection: () => tls });
  const [settings] = (await once(session, 'remoteSettings')) as [Settings];
  // The window of the connection is no setting: an update on top of the 65,535 of RFC 9113 tells it.
  while (session.state.remoteWindowSize !== 1_048_576) await new Promise((resolve) => setImmediate(resolve));
  session.destroy();

  expect(settings).toMatchObject({ initialWindowSize: 131_072, maxFrameSize: 32_768 });
});

it('a connection carries as many streams as the pool may open on one', async () => {
  const opened = await Promise.all([1, 2, 3].map(() => socks5(mesh.scope, mesh.socks5, RATINGS, 80)));
  for (const { socket } of opened) {
    socket.end('done');
    socket.resume();
  }
  const inbound = () => mesh.east.telemetry.log().filter(({ direction }) => direction === 'inbound');
  while (inbound().length < opened.length) await new Promise((resolve) => setImmediate(resolve));

  expect(new Set(inbound().map((line) => line['src.addr'])).size).toBe(2);
});
