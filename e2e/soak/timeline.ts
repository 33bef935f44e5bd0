/** What is done to the mesh during a soak, and when: pure, from the length of the run. */
import { EAST_WEST_GATEWAY, gatewayName } from '@isthmus/tools/lab';

export type Step =
  | { readonly atMs: number; readonly kind: 'kill'; readonly name: string }
  | { readonly atMs: number; readonly kind: 'start'; readonly name: string }
  | { readonly atMs: number; readonly kind: 'policy'; readonly number: number };

/** A certificate is renewed this long after it was issued; `SECRET_TTL` and the ratio follow from it. */
export const ROTATION_MS = 10_000;
/** Lives on through the minute without a control plane, with room for the back-off of the proxies (it doubles). */
const CERTIFICATE_LIFE_MS = 180_000;

export const CERTIFICATE_SETTINGS = {
  SECRET_TTL: `${CERTIFICATE_LIFE_MS / 1_000}s`,
  SECRET_GRACE_PERIOD_RATIO: (1 - ROTATION_MS / CERTIFICATE_LIFE_MS).toFixed(4),
} as const;

const POLICY_EVERY_MS = 7_000;
const CONTROL_PLANE_AWAY_MS = 60_000;
const GATEWAY_AWAY_MS = 10_000;

/** One gateway at a time: the other one of its network is what the plan goes on with. */
const GATEWAYS = [
  [0.1, `west/${EAST_WEST_GATEWAY}`],
  [0.24, `east/${EAST_WEST_GATEWAY}`],
  [0.7, `west/${gatewayName(2)}`],
  [0.84, `east/${gatewayName(2)}`],
] as const;
const CONTROL_PLANES = ['east/control-plane', 'west/control-plane'];

export function timelineOf(lengthMs: number): readonly Step[] {
  const gateways = GATEWAYS.flatMap(([share, name]) =>
    away(name, share * lengthMs, Math.min(GATEWAY_AWAY_MS, lengthMs / 15)),
  );
  const controlPlanes = CONTROL_PLANES.flatMap((name) =>
    away(name, 0.4 * lengthMs, Math.min(CONTROL_PLANE_AWAY_MS, lengthMs / 5)),
  );
  const policies = Array.from(
    { length: Math.floor((0.95 * lengthMs) / POLICY_EVERY_MS) },
    (_, index): Step => ({ atMs: (index + 1) * POLICY_EVERY_MS, kind: 'policy', number: index + 1 }),
  );
  return [...gateways, ...controlPlanes, ...policies].sort((a, b) => a.atMs - b.atMs);
}

function away(name: string, atMs: number, forMs: number): readonly Step[] {
  return [
    { atMs, kind: 'kill', name },
    { atMs: atMs + forMs, kind: 'start', name },
  ];
}
