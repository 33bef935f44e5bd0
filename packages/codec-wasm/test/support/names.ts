/** Names and keys the suites register: some of a mesh, and enough keys to reach the second word of `present`. */
export const NAMES = [':method', ':scheme', ':path', ':authority', ':status', 'baggage', 'traceparent', 'te', 'cookie'];

export const KEYS = [
  'k8s.cluster.name',
  'k8s.namespace.name',
  'k8s.deployment.name',
  'k8s.cronjob.name',
  'k8s.pod.name',
  'k8s.job.name',
  'k8s.instance.name',
  'service.name',
  'service.version',
  'app.name',
  'app.version',
  'cloud.region',
  'cloud.availability_zone',
  ...Array.from({ length: 25 }, (_, i) => `other.${i}`),
];
