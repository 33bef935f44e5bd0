import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { createLogger, createMeshClient } from '@isthmus/sdk';

const mesh = await createMeshClient({
  workload: { namespace: 'shop', name: 'storefront-7d9c5', serviceAccount: 'storefront' },
  network: 'network-1',
  clusterId: 'east',
  controlPlane: {
    address: 'https://istiod.istio-system.svc:15012',
    roots: () => readFileSync('/var/run/secrets/istio/root-cert.pem', 'utf8'),
    token: () => readFileSync('/var/run/secrets/tokens/istio-token', 'utf8'),
    clusterId: 'east',
  },
  log: createLogger({ level: 'warn' }),
});

// Any HTTP client that takes a connection:
const call = request({ host: 'reviews', port: 9080, path: '/reviews/7', createConnection: mesh.createConnection });
const [response] = await once(call.end(), 'response');
console.log(response.statusCode, await text(response));

// Or the bytes, and who serves them:
const { stream, peer } = await mesh.connect({ host: 'ledger.shop', port: 9400 });
console.log(peer.principal, peer.cluster, peer.workload); // spiffe://cluster.local/ns/shop/sa/ledger west ledger-v1
stream.end('COUNT\n');
console.log(await text(stream));

await mesh.close();
