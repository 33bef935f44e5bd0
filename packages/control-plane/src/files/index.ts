export { createDebounce, type Debounce, type DebounceInit } from './debounce.js';
export { type FollowPace, followDirectories } from './follow.js';
export { type FollowedFile, type FollowFileInit, followFile } from './follow-file.js';
export { replaceFile, unlinked } from './replace-file.js';
export { createDirectoryWatcher, type DirectoryWatcher, type WatchOutcome } from './watch.js';
