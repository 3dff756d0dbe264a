import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface RunResult {
  ok: boolean;
  code: number | null;
  /** Standard output and standard error, as they came. */
  output: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** Where the output goes while it comes; nowhere when not given. */
  print?: (text: string) => void;
}

/** Runs a program without input, to its end. One that cannot be started is a failure like any other. */
export async function run(command: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  const { cwd = ROOT, env = process.env, print } = options;
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const take = (text: string) => {
    output += text;
    print?.(text);
  };
  child.stdout.setEncoding('utf8').on('data', take);
  child.stderr.setEncoding('utf8').on('data', take);
  const code = await new Promise<number | null>(resolve => {
    child.once('error', error => {
      take(`${error.message}\n`);
      resolve(null);
    });
    child.once('close', resolve);
  });
  return { ok: code === 0, code, output };
}

/** Runs the JavaScript file behind a package's command with this very Node: no shell, no PATH, no npx. */
export function runTool(name: string, args: string[], options: RunOptions = {}): Promise<RunResult> {
  return run(process.execPath, [toolFile(name), ...args], options);
}

function toolFile(name: string): string {
  const folder = join(ROOT, 'node_modules', TOOLS[name] ?? name);
  if (!existsSync(folder)) throw new Error(`${TOOLS[name] ?? name} is not installed; run npm install`);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    bin: string | Record<string, string>;
  };
  return join(folder, typeof bin === 'string' ? bin : (bin[name] as string));
}

/** Commands whose package has another name. */
const TOOLS: Record<string, string> = {
  attw: '@arethetypeswrong/cli',
  biome: '@biomejs/biome',
  tsc: 'typescript',
};

export function packageJson(): PackageJson {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageJson;
}

interface PackageJson {
  name: string;
  version: string;
  engines: { node: string };
  exports: Record<string, string | Record<string, string>>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
}
