/** Kinds of controller the registry and baggage can name (istio.workload.WorkloadType, lower case as on the wire). */
export const WORKLOAD_TYPES = ['deployment', 'cronjob', 'pod', 'job'] as const;
export type WorkloadType = (typeof WORKLOAD_TYPES)[number];
