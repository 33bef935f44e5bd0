export { project } from './project.js';
export { type NamespaceView, VIEWER_ROLES, type View, type Viewer, type ViewerRole } from './types.js';
