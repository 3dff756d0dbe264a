import { describe, expect, it } from 'vitest';
import { ensureRequirements, type Machine, type Requirement } from './requirements.ts';

/** A machine that lacks both servers and gets them when an installer succeeds. */
function machine(options: {
  commands?: string[];
  root?: boolean;
  failing?: string[];
  env?: NodeJS.ProcessEnv;
}) {
  const { commands = [], root = false, failing = [], env = {} } = options;
  const ran: string[] = [];
  let installed = false;
  const requirements: Requirement[] = [
    { name: 'Redis', present: () => installed, apt: ['redis-server'], brew: ['redis'], url: 'REDIS_URL' },
    { name: 'Chromium', present: () => installed, apt: ['chromium'], brew: ['chromium'] },
  ];
  const fake: Machine = {
    root,
    env,
    has: command => commands.includes(command),
    async run(command, args) {
      ran.push([command, ...args].join(' '));
      const ok = !failing.includes(command);
      if (ok && args.includes('chromium')) installed = true;
      return { ok, code: ok ? 0 : 1, output: ok ? '' : 'first\nE: no network\n' };
    },
  };
  return { ran, ensure: () => ensureRequirements(requirements, fake) };
}

const HOW =
  'run "sudo apt-get install redis-server chromium" or "brew install redis chromium", or set REDIS_URL.';

describe('ensureRequirements', () => {
  it('does nothing when nothing is missing', async () => {
    const { ran, ensure } = machine({ commands: ['brew'] });
    await ensure();
    ran.length = 0;
    expect(await ensure()).toEqual({ ok: true, notes: [] });
    expect(ran).toEqual([]);
  });

  it('installs with apt-get as root', async () => {
    const { ran, ensure } = machine({ commands: ['apt-get'], root: true });
    expect(await ensure()).toEqual({ ok: true, notes: ['installed Redis and Chromium with apt-get'] });
    expect(ran).toHaveLength(1);
    expect(ran[0]).toMatch(/^sh -c .*apt-get update.*apt-get install.* sh redis-server chromium$/s);
  });

  it('installs with sudo where that asks for no password', async () => {
    const { ran, ensure } = machine({ commands: ['apt-get', 'sudo'] });
    expect((await ensure()).ok).toBe(true);
    expect(ran[0]).toBe('sudo -n true');
    expect(ran[1]).toMatch(/^sudo -n sh -c /);
  });

  it('installs with Homebrew', async () => {
    const { ran, ensure } = machine({ commands: ['brew'] });
    expect((await ensure()).ok).toBe(true);
    expect(ran).toEqual(['brew install redis chromium']);
  });

  it('says in one line what to install when it may not do so itself', async () => {
    const { ran, ensure } = machine({ commands: ['apt-get', 'sudo'], failing: ['sudo'] });
    expect(await ensure()).toEqual({ ok: false, notes: [`The tests need Redis and Chromium: ${HOW}`] });
    expect(ran).toEqual(['sudo -n true']);
  });

  it('says why the installation failed, and what to do', async () => {
    const { ensure } = machine({ commands: ['apt-get'], root: true, failing: ['sh'] });
    const { ok, notes } = await ensure();
    expect(ok).toBe(false);
    expect(notes[0]).toBe('could not install Redis and Chromium with apt-get: E: no network');
    expect(notes[1]).toContain(HOW);
  });

  it('uses a server of the environment for what can be one, and still asks for the rest', async () => {
    const { ensure } = machine({ env: { REDIS_URL: 'redis://somewhere' } });
    expect(await ensure()).toEqual({
      ok: false,
      notes: ['The tests need Chromium: run "sudo apt-get install chromium" or "brew install chromium".'],
    });
  });
});
