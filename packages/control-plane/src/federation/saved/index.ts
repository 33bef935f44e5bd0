export { createSavedImports, type SavedImports } from './files.js';
export type { Restored } from './format.js';
export { createKeeper, type Keeper } from './keeper.js';
