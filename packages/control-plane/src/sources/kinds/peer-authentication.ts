/** PeerAuthentication, security.istio.io: whether plaintext is taken, per mesh, namespace, workload or port. */
import { type Infer, mapOf, maybe, object, oneOf, optional, required } from '../../schema/index.js';
import { matchLabels, namespaced } from './meta.js';

const mode = oneOf(['UNSET', 'DISABLE', 'PERMISSIVE', 'STRICT']);
export type MutualTlsMode = Infer<typeof mode>;

const mutualTls = object({ mode: optional(mode, 'UNSET') });

const spec = object(
  {
    selector: maybe(matchLabels),
    mtls: optional(mutualTls, { mode: 'UNSET' }),
    portLevelMtls: optional(mapOf(mutualTls), {}),
  },
  ({ selector, portLevelMtls }, path, report) => {
    for (const key of Object.keys(portLevelMtls)) {
      const number = Number(key);
      if (!Number.isInteger(number) || number < 1 || number > 65_535) {
        report([...path, 'portLevelMtls', key], 'the key has to be a port from 1 to 65535');
      }
    }
    if (!selector && Object.keys(portLevelMtls).length > 0) {
      report([...path, 'portLevelMtls'], 'is only heeded together with a selector; it is ignored', 'warning');
    }
  },
);

export const peerAuthenticationSchema = object({
  metadata: required(namespaced),
  spec: optional(spec, { selector: undefined, mtls: { mode: 'UNSET' }, portLevelMtls: {} }),
});
