import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ScriptProcess } from '../faults/index.ts';
import { tempDir } from '../support/temp-dir.ts';
import { change, member, open } from './member.ts';

const becomes = (child: ScriptProcess, mode: string) =>
  child.message<{ breaker?: string; mode: string }>(said => said.breaker === 'mail' && said.mode === mode);

it('a web process sets the mode of a breaker that only its workers have', async () => {
  const options = { sqlite: { file: join(tempDir('elsewhere'), 'jobs.db') } };
  const [web, worker] = await Promise.all([member(options, { breakers: [], routes: true }), member(options)]);
  const { url } = await web.message<{ url: string }>(said => said.url !== undefined);
  const post = async (name: string, body: object) => {
    const response = await fetch(`${url}/api/breakers/${name}/mode`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return [response.status, await response.json()];
  };
  const mistaken = await post('mial', { mode: 'forced-open', ...change });
  expect(mistaken).toEqual([
    404,
    {
      code: 'SPILLWAY_UNKNOWN_BREAKER',
      message: expect.stringContaining('if only another process has it, set it with elsewhere: true'),
    },
  ]);
  expect(await post('mail', { mode: 'forced-open', ...change, elsewhere: true })).toEqual([
    200,
    { name: 'mail', mode: 'forced-open', elsewhere: true },
  ]);
  await becomes(worker, 'forced-open');
  // A mode is set for it now, so the name is no mistake.
  expect(await post('mail', { mode: null })).toEqual([200, { name: 'mail', mode: null, elsewhere: true }]);
  await becomes(worker, 'automatic');
});

it('it is told, holds for a breaker that is made later, and needs a file', async () => {
  const { spillway, lines } = open({ sqlite: { file: join(tempDir('elsewhere'), 'jobs.db') } });
  await spillway.breakers.setMode('mail', 'disabled', { ...change, elsewhere: true });
  expect(lines.at(-1)?.message).toBe('Breaker mail of other processes is disabled (by ada: bill unpaid)');
  expect(spillway.breaker('mail', async () => 'sent').mode).toBe('disabled');

  const alone = open({ engine: 'redis', redis: 'redis://127.0.0.1:1' }).spillway;
  const unknown = { code: 'SPILLWAY_UNKNOWN_BREAKER', message: expect.stringContaining('there is no file') };
  expect(() => alone.breakers.setMode('mail', 'disabled', { elsewhere: true })).toThrow(
    expect.objectContaining(unknown),
  );
});

it.each<[string, object | null, string]>([
  ['another word', { elsewhere: 'yes' }, 'Option elsewhere of breaker "mail" must be true or false'],
  ['a misspelt word', { elswhere: true }, 'there are by, reason, expiresIn, elsewhere'],
])('%s is refused', (_name, given, text) => {
  const { spillway } = open({ sqlite: { file: ':memory:' } });
  spillway.breaker('mail', async () => 'sent');
  const refused = { code: 'SPILLWAY_INVALID_OPTION', message: expect.stringContaining(text) };
  expect(() => spillway.breakers.setMode('mail', 'disabled', given as never)).toThrow(
    expect.objectContaining(refused),
  );
});
