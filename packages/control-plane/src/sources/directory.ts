/**
 * Reads a directory tree of YAML files. Names that start with a dot are passed over: editors' swap files, and the
 * `..data` links of mounted ConfigMaps, whose files are reached by their plain names. Bounded in depth, number and
 * size, because the tree may be a mount that someone else fills.
 */
import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../schema/index.js';

const DIRECTORY_LIMITS = { depth: 16, files: 10_000, fileBytes: 16 * 1024 * 1024, directories: 1_000 } as const;

export interface DirectoryContents {
  /** By path, in the order of names. */
  readonly files: ReadonlyMap<string, string>;
  /** All directories that were read, the root first; what a watcher has to watch. */
  readonly directories: readonly string[];
  /** Errors only. */
  readonly problems: readonly Problem[];
}

export async function readDirectory(root: string): Promise<DirectoryContents> {
  const files = new Map<string, string>();
  const directories: string[] = [];
  const problems: Problem[] = [];
  const refuse = (file: string, message: string) => {
    problems.push({ severity: 'error', file, line: 1, col: 1, path: '', message });
  };

  async function visitDirectory(directory: string, depth: number): Promise<void> {
    if (depth > DIRECTORY_LIMITS.depth)
      return refuse(directory, `is nested deeper than ${DIRECTORY_LIMITS.depth} directories`);
    if (directories.length >= DIRECTORY_LIMITS.directories)
      return refuse(directory, `is beyond the limit of ${DIRECTORY_LIMITS.directories} directories`);
    directories.push(directory);
    const names = await readdir(directory);
    // One after the other: an open file per entry would exhaust descriptors in large trees.
    for (const name of names.filter((candidate) => !candidate.startsWith('.')).sort()) {
      await visit(join(directory, name), depth);
    }
  }

  async function visit(path: string, depth: number): Promise<void> {
    try {
      const stats = await stat(path);
      if (stats.isDirectory()) return await visitDirectory(path, depth + 1);
      if (!stats.isFile() || !/\.ya?ml$/.test(path)) return;
      if (stats.size > DIRECTORY_LIMITS.fileBytes)
        return refuse(path, `is larger than ${DIRECTORY_LIMITS.fileBytes} bytes`);
      if (files.size >= DIRECTORY_LIMITS.files)
        return refuse(path, `is beyond the limit of ${DIRECTORY_LIMITS.files} files`);
      files.set(path, await readFile(path, 'utf8'));
    } catch (error) {
      if (!(await isGone(path, error))) refuse(path, `cannot be read: ${(error as Error).message}`);
    }
  }

  try {
    await visitDirectory(root, 0);
  } catch (error) {
    refuse(root, `cannot be read: ${(error as Error).message}`);
  }
  return { files, directories, problems };
}

/** Removed or renamed since its directory was read, as editors do all the time; a link that leads nowhere is still there. */
async function isGone(path: string, error: unknown): Promise<boolean> {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return false;
  return lstat(path).then(
    () => false,
    () => true,
  );
}
