/** What `npm test -- ...` was asked to do. */
export interface TestArguments {
  /** Names of steps; all when empty. */
  only: string[];
  /** Handed to vitest: file filters and its own options. */
  vitest: string[];
}

/** `--only a,b` chooses steps; everything else goes to vitest, and then only the tests run. */
export function parseArguments(args: string[], steps: string[]): TestArguments {
  const only: string[] = [];
  const vitest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    if (arg === '--only') only.push(...(args[++index] ?? '').split(','));
    else if (arg.startsWith('--only=')) only.push(...arg.slice('--only='.length).split(','));
    else vitest.push(arg);
  }
  const chosen = only.flatMap(name => (name === 'gates' ? steps.filter(step => step !== 'unit') : [name]));
  const unknown = chosen.filter(name => !steps.includes(name));
  if (unknown.length > 0) {
    throw new Error(`--only takes gates, ${steps.join(', ')}; got "${unknown.join(', ')}"`);
  }
  return { only: chosen.length === 0 && vitest.length > 0 ? ['unit'] : chosen, vitest };
}
