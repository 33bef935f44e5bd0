export type { Access } from './access.js';
export { createRemoteClusters, type RemoteClusters } from './remotes.js';
export { RESOURCES, remoteSecretsOf } from './resources.js';
export { createKubernetesSource, type KubernetesSource, type KubernetesSourceInit } from './source.js';
