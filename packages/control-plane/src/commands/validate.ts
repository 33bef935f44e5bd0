/** `validate`: everything that `serve` would say about directories, without serving. */
import { deriveCluster } from '../model/index.js';
import { formatProblem, hasErrors, type Problem } from '../schema/index.js';
import { assembleGeneration, countObjects, parseFile, readDirectory } from '../sources/index.js';
import { CommandError, printJson, type Streams } from './output.js';

export interface ValidateOptions {
  readonly clusterDomain: string;
  readonly json?: boolean;
}

interface Verdict {
  readonly directory: string;
  readonly files: number;
  readonly objects: number;
  readonly problems: readonly Problem[];
}

export async function validate(
  directories: readonly string[],
  options: ValidateOptions,
  streams: Streams,
): Promise<void> {
  const verdicts: Verdict[] = [];
  for (const directory of directories) verdicts.push(await validateDirectory(directory, options));
  const problems = verdicts.flatMap((verdict) => verdict.problems);
  const ok = !hasErrors(problems);
  if (options.json) printJson(streams, { ok, directories: verdicts });
  else for (const verdict of verdicts) printVerdict(verdict, streams);
  if (!ok) throw new CommandError('');
}

async function validateDirectory(directory: string, { clusterDomain }: ValidateOptions): Promise<Verdict> {
  const contents = await readDirectory(directory);
  const parsed = [...contents.files].map(([file, text]) => parseFile(file, text));
  const objects = parsed.reduce((sum, file) => sum + file.objects.length, 0);
  const assembled = assembleGeneration(parsed, { clusterDomain });
  const files = contents.files.size;
  if (!assembled.ok) return { directory, files, objects, problems: [...contents.problems, ...assembled.problems] };
  const { generation } = assembled;
  // As the local cluster, so that policies are looked at too. The network's name changes no verdict: its own label
  // prevails.
  const cluster = deriveCluster({
    id: directory,
    network: '',
    trustDomain: '',
    clusterDomain,
    isLocal: true,
    objects: generation.objects,
  });
  const problems = [...contents.problems, ...generation.problems, ...cluster.problems];
  return { directory, files, objects: countObjects(generation.objects), problems };
}

function printVerdict({ directory, files, objects, problems }: Verdict, { out, err }: Streams): void {
  for (const problem of problems) err(formatProblem(problem));
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  out(`${directory}: ${objects} objects in ${files} files, ${errors} errors, ${warnings} warnings`);
}
