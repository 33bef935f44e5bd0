/** Files that are whole at any moment, whoever reads and whenever the machine stops. */
import { randomBytes } from 'node:crypto';
import { rename, rm, unlink, writeFile } from 'node:fs/promises';

const OWNER_ONLY = 0o600;

/** Whoever reads meanwhile finds the old file or the new one; unfinished ones end in `.partial`. */
export async function replaceFile(
  file: string,
  content: string | readonly Uint8Array[],
  mode = OWNER_ONLY,
): Promise<void> {
  const partial = `${file}.${randomBytes(4).toString('hex')}.partial`;
  try {
    // On disk before it has its name: after a power cut a name without content would be a loss.
    await writeFile(partial, content, { mode, flag: 'wx', flush: true });
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
}

/** False when it was not there; of several who try at once, one succeeds. */
export async function unlinked(file: string): Promise<boolean> {
  try {
    await unlink(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
