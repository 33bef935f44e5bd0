export type { Access } from './access.js';
export { createRemoteClusters, type RemoteClusters } from './remotes.js';
export { RESOURCES } from './resources.js';
export { createKubernetesSource } from './source.js';
export { createTokenReviewer } from './token-reviews.js';
