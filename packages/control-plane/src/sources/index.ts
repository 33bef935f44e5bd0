export { readDirectory } from './directory.js';
export { assembleGeneration, type Generation } from './generation.js';
export {
  KIND_NAMES,
  type Kind,
  type KubeObject,
  type Metadata,
  type MutualTlsMode,
  type ObjectsByKind,
  parseBlock,
} from './kinds/index.js';
export {
  type Access,
  ApiFailure,
  type ApiRequest,
  configMapsNamed,
  createApi,
  createHealth,
  createKubernetesSource,
  createRemoteClusters,
  createTable,
  createTokenReviewer,
  type KubernetesApi,
  RESOURCES,
  type RemoteClusters,
  type Resource,
  resourceOf,
  ruleFor,
  runReflector,
  type Table,
} from './kubernetes/index.js';
export { type ParsedFile, parseFile, parseObject } from './parse.js';
export { countObjects, groupObjects, NO_OBJECTS, type ObjectsByNamespace, objectsOf } from './shards.js';
export {
  createDirectorySource,
  type Source,
  type SourceInit,
  type SourceStatus,
} from './source.js';
