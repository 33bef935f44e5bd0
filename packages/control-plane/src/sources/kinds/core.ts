/** Namespace and Node: only what labels say about them. */
import { object, required } from '../../schema/index.js';
import { clusterWide } from './meta.js';

export const namespaceSchema = object({ metadata: required(clusterWide) });
export const nodeSchema = object({ metadata: required(clusterWide) });
