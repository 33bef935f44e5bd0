/**
 * Header fields of the CONNECTs this proxy sends, in ztunnel's order. One difference: the outer CONNECT of a nested
 * tunnel carries no baggage. Only the gateway of another network would read it there, and whom it serves inside the
 * inner tunnel is not its business.
 */
import type { Workload } from '../discovery/index.js';
import type { HeaderField } from '../hbone/index.js';
import { baggageOf } from '../peer/index.js';
import { formatForwarded } from '../routing/index.js';
import { HEADER } from '../wire/index.js';

/** `single` leads straight to the next hop; `outer` and `inner` are the two layers through a gateway. */
export type Layer = 'single' | 'outer' | 'inner';

export interface HeaderFacts {
  readonly source: Workload;
  /** Whether peer metadata is exchanged at all. */
  readonly baggage: boolean;
  readonly clientAddress: string;
  readonly serviceHostname?: string | undefined;
  readonly traceparent: string;
  /** Own network. */
  readonly network: string;
  readonly sourceRole?: 'waypoint' | 'gateway' | undefined;
}

export function connectHeaders(layer: Layer, facts: HeaderFacts): readonly HeaderField[] {
  const fields: HeaderField[] = [];
  if (facts.baggage && layer !== 'outer') fields.push([HEADER.baggage, baggageOf(facts.source)]);
  fields.push([HEADER.forwarded, formatForwarded({ client: facts.clientAddress, host: facts.serviceHostname })]);
  fields.push([HEADER.traceparent, facts.traceparent]);
  if (layer === 'inner') fields.push([HEADER.forwardedNetwork, facts.network]);
  if (layer === 'outer' && facts.sourceRole) fields.push([HEADER.source, facts.sourceRole]);
  return fields;
}
