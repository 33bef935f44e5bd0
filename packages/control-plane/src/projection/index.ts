export { project } from './project.js';
export { VIEWER_ROLES, type View, type Viewer, type ViewerRole } from './types.js';
