import { packageOf, resolveImport, type SourceFile } from './source.ts';

/**
 * The rooms of src/ and what each stands on, from the bottom up. A room may also use what those stand on in turn:
 * arrows point down only.
 */
export const HOUSE: Record<string, readonly string[]> = {
  shared: [],
  config: ['shared'],
  redis: ['config'],
  breakers: ['config'],
  'engines/sqlite': ['shared'],
  'engines/conformance': ['shared'],
  'engines/failover': ['engines/sqlite', 'redis'],
  cache: ['redis'],
  sessions: ['engines/sqlite', 'cache'],
  queues: ['engines/sqlite', 'engines/failover'],
  webhooks: ['queues'],
  monitoring: ['queues', 'cache', 'breakers'],
  rollout: ['monitoring'],
  spillway: ['webhooks', 'rollout'],
  index: ['spillway', 'sessions', 'engines/conformance'],
  server: ['spillway'],
  cli: ['server'],
};

/** Only shared/ has no face: small things with no home, each taken by its file. */
const WITHOUT_FACE = ['shared'];

/** May read process.env: configuration, and what is no part of the package. */
const READS_ENVIRONMENT = ['src/config/', 'test/', 'scripts/', 'bench/', 'chaos/', 'examples/'];

const TEST_FILE = /\.(test|fixture)\.ts$|\/fixtures\//;

/** The room of a file of src/: `engines/sqlite`, or the file's own name for those at the top. */
export function roomOf(path: string): string | undefined {
  const [top, first = '', second = ''] = path.split('/');
  if (top !== 'src') return undefined;
  if (first.endsWith('.ts')) return first.slice(0, -'.ts'.length);
  return first === 'engines' ? `engines/${second}` : first;
}

/** All a room may import from, itself included. */
export function below(room: string): Set<string> {
  const found = new Set([room]);
  for (const one of found) for (const lower of HOUSE[one] ?? []) found.add(lower);
  return found;
}

export function isTest(path: string): boolean {
  return path.startsWith('test/') || TEST_FILE.test(path);
}

/** What the house finds wrong with this file; each a line that says where and why. */
export function violations(file: SourceFile, runtimePackages: ReadonlySet<string>): string[] {
  return [
    ...importViolations(file, runtimePackages),
    ...environmentViolations(file),
    ...typeViolations(file),
    ...transactionViolations(file),
    ...lengthViolations(file),
    ...hookViolations(file),
  ];
}

function importViolations({ path, imports }: SourceFile, runtimePackages: ReadonlySet<string>): string[] {
  const room = roomOf(path);
  return imports.flatMap(specifier => {
    if (!specifier.startsWith('.')) {
      const allowed = specifier.startsWith('node:') || runtimePackages.has(packageOf(specifier));
      if (room === undefined || isTest(path) || allowed) return [];
      return [`${path} imports ${specifier}, which is not among the dependencies of package.json`];
    }
    return houseViolations(path, room, resolveImport(path, specifier));
  });
}

function houseViolations(path: string, room: string | undefined, target: string): string[] {
  const targetRoom = roomOf(target);
  if (targetRoom === undefined) {
    const outside = room !== undefined && !isTest(path);
    return outside ? [`${path} imports ${target}, which is not part of the package`] : [];
  }
  if (targetRoom === room) return [];
  const isFace = WITHOUT_FACE.includes(targetRoom) || /^src\/[^/]+\.ts$|\/index\.ts$/.test(target);
  const found = isFace ? [] : [`${path} imports ${target}, past the face of ${targetRoom} (its index.ts)`];
  if (room === undefined || isTest(path)) return found;
  if (HOUSE[room] === undefined) return [...found, `${path} is in a room the house does not know: ${room}`];
  if (!below(room).has(targetRoom))
    found.push(`${path} imports ${target}: ${room} must not know ${targetRoom}`);
  return found;
}

function environmentViolations({ path, code }: SourceFile): string[] {
  if (READS_ENVIRONMENT.some(folder => path.startsWith(folder)) || isTest(path)) return [];
  const reads =
    /\bprocess\s*(\.\s*env\b|\[['"]env['"]\])|\{[^}]*\benv\b[^}]*\}\s*(=\s*process\b|from\s*['"]node:process)/;
  return linesOf(code, reads).map(line => `${path}:${line} reads the environment; only src/config does`);
}

function typeViolations({ path, text, code }: SourceFile): string[] {
  const any = /(:|\bas|[<|&,(=]|\bextends|\bkeyof)\s*any\b\s*([;,)>\]|&=[{]|$)/;
  const ignored = /@ts-(ignore|nocheck|expect-error)|biome-ignore[^\n]*(noExplicitAny|noDefaultExport)/;
  const inTests = isTest(path);
  return [
    ...linesOf(withoutStrings(code), any).map(line => `${path}:${line} uses any`),
    ...(/\.config\.ts$/.test(path)
      ? []
      : linesOf(code, /^\s*export\s+default\b/).map(line => `${path}:${line} has a default export`)),
    ...(inTests ? [] : linesOf(text, ignored).map(line => `${path}:${line} switches a check off`)),
  ];
}

/** A transaction that reads before it writes fails at once with BUSY_SNAPSHOT unless it began IMMEDIATE. */
function transactionViolations({ path, code }: SourceFile): string[] {
  if (!path.startsWith('src/engines/sqlite/')) return [];
  const plain = /(^|['"`;\s])begin(\s+(deferred|exclusive|transaction))*\s*(;|['"`])/i;
  return linesOf(code, plain).map(line => `${path}:${line} begins a transaction that is not IMMEDIATE`);
}

/** Test files share processes, and a helper is read once in each. */
function hookViolations({ path, code }: SourceFile): string[] {
  if (/\.(test|fixture)\.ts$/.test(path) || path.startsWith('test/setup/')) return [];
  return linesOf(code, /^(before|after)(Each|All)\(/).map(
    line => `${path}:${line} has a hook that runs for the first test file alone; use onTestFinished`,
  );
}

function lengthViolations({ path, text }: SourceFile): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > 400 ? [`${path} has ${lines} lines; 400 is the limit`] : [];
}

function linesOf(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}

function withoutStrings(code: string): string {
  return code.replaceAll(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, string =>
    string.replaceAll(/[^\n]/g, ' '),
  );
}
