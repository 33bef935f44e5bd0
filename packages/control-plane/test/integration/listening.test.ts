import { once } from 'node:events';
import { type AddressInfo, createServer, type Server as TcpServer } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { createScope } from '@isthmus/sdk/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listenHttp } from '../../src/admin/http.js';
import { bindGrpc } from '../../src/xds/index.js';

describe('a port that somebody else has', () => {
  let other: TcpServer;
  let port: number;

  beforeAll(async () => {
    other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    port = (other.address() as AddressInfo).port;
  });
  afterAll(() => void other.close());

  it('is told by the setting of the gRPC server that asked for it, with what to do', async () => {
    const at = { setting: 'listen', host: '127.0.0.1', port };

    await expect(bindGrpc(new Server(), at, ServerCredentials.createInsecure())).rejects.toThrow(
      `listen: cannot listen on 127.0.0.1:${port}: another program listens there; end that one, or set another port`,
    );
  });

  it('is told by the setting of the pages that asked for it', async () => {
    const scope = createScope();

    const listening = listenHttp(scope, { setting: 'monitoring', host: '127.0.0.1', port }, {});

    await expect(listening).rejects.toThrow(`monitoring: cannot listen on 127.0.0.1:${port}: another program`);
    await scope.close();
  });
});
