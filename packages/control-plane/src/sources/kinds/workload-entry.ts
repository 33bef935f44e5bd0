/**
 * WorkloadEntry, networking.istio.io: a workload that is no pod. Its spec is also the shape of a ServiceEntry's
 * endpoints.
 */
import { integer, mapOf, object, optional, port, required, string } from '../../schema/index.js';
import { labels, namespaced, networkName } from './meta.js';

export const workloadEntrySpec = {
  address: optional(string(), ''),
  ports: optional(mapOf(port()), {}),
  labels: optional(labels, {}),
  network: optional(networkName, ''),
  /** `region/zone/subzone`. */
  locality: optional(string(), ''),
  weight: optional(integer({ min: 0, max: 0xffff_ffff }), 0),
  serviceAccount: optional(string(), ''),
};

export const workloadEntrySchema = object({
  metadata: required(namespaced),
  spec: required(object(workloadEntrySpec)),
});
