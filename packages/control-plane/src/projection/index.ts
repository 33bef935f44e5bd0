export { gatewayAddress, gatewayWorkload } from './gateways.js';
export { project } from './project.js';
export {
  type NamespaceView,
  type Sight,
  sightOf,
  VIEWER_ROLES,
  type View,
  type Viewer,
  type ViewerRole,
} from './types.js';
