/** What workloads and services of a local file share: references, port tables, places. */
import { canonicalIp, parseIp } from '../../wire/ip.js';
import type { ProblemList } from '../decode/problems.js';
import type { CidrMatch, GatewayAddress, NetworkAddress, ServicePort } from '../model.js';
import { address, Fields, type Item, mapOf, port, shown, text } from './fields.js';

/** `{ "80": 8080 }`: service port to target port. */
export const ports: Item<readonly ServicePort[]> = (value, path, problems) =>
  mapOf(port)(value, path, problems).map(([key, targetPort]) => {
    const servicePort = port(key, `${path}["${key}"]`, problems);
    return { servicePort, targetPort, appProtocol: 'unknown' as const };
  });

/** `network/ip`; `/ip` on the network without a name. */
export const networkAddress: Item<NetworkAddress> = (value, path, problems) => {
  const pieces = split(value, path, problems);
  return pieces ? { network: pieces[0], ip: address(pieces[1], path, problems) } : { network: '', ip: '' };
};

/** `10.0.0.0/8`, with its length. */
export const block: Item<CidrMatch> = (value, path, problems) => {
  const pieces = split(value, path, problems);
  if (!pieces) return { ip: '', length: 0 };
  const [ip, digits] = pieces;
  const bits = (parseIp(ip)?.length ?? 16) * 8;
  const length = /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(length <= bits)) problems.add(path, `${shown(value)} has no prefix length from 0 to ${bits}`);
  return { ip: address(ip, path, problems), length };
};

/** `destination` is `network/ip` or `namespace/hostname`. */
export const gateway: Item<GatewayAddress> = (value, path, problems) => {
  const fields = new Fields(value, path, problems);
  const destination = fields.required('destination', destinationOf, NOWHERE);
  const hboneMtlsPort = fields.required('hboneMtlsPort', port, 0);
  fields.done();
  return { destination, hboneMtlsPort };
};

/** Stands in for what was refused. */
const NOWHERE: GatewayAddress['destination'] = { kind: 'hostname', name: { namespace: '', hostname: '' } };

const destinationOf: Item<GatewayAddress['destination']> = (value, path, problems) => {
  const pieces = split(value, path, problems);
  if (!pieces) return NOWHERE;
  const [before, after] = pieces;
  const ip = canonicalIp(after);
  return ip === undefined
    ? { kind: 'hostname', name: { namespace: before, hostname: after } }
    : { kind: 'address', address: { network: before, ip } };
};

/** At the first slash. */
function split(value: unknown, path: string, problems: ProblemList): readonly [string, string] | undefined {
  const whole = text(value, path, problems);
  const slash = whole.indexOf('/');
  if (slash >= 0) return [whole.slice(0, slash), whole.slice(slash + 1)];
  if (typeof value === 'string') problems.add(path, `${shown(value)} has no slash`);
  return undefined;
}
