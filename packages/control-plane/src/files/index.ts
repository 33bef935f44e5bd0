export { createDebounce, type Debounce, type DebounceInit } from './debounce.js';
export { createDirectoryWatcher, type DirectoryWatcher, type WatchOutcome } from './watch.js';
