import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { environmentNames } from '../config/index.ts';
import { isSpillwayError, SpillwayError } from './errors.ts';

const text = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');

it('has a section in docs/errors.md for each code, and no other', async () => {
  const codes = (await text('./errors.ts')).match(/(?<=\| ')SPILLWAY_[A-Z_]+/g) ?? [];
  const sections = (await text('../../docs/errors.md')).match(/(?<=^## )SPILLWAY_\w+/gm) ?? [];
  expect(sections.toSorted()).toEqual(codes.toSorted());
});

it('has every environment name in docs/configuration.md', async () => {
  const page = await text('../../docs/configuration.md');
  expect(environmentNames.filter(name => !page.includes(`\`${name}\``))).toEqual([]);
});

it('is told from other errors, by code where asked', () => {
  const error = new SpillwayError('SPILLWAY_CLOSED', 'closed', { cause: 1, details: { queue: 'q' } });
  expect([
    isSpillwayError(error),
    isSpillwayError(error, 'SPILLWAY_CLOSED'),
    isSpillwayError(error, 'SPILLWAY_INVALID_JOB'),
    isSpillwayError(new Error('x')),
    error.docs,
    error.cause,
  ]).toEqual([true, true, false, false, 'docs/errors.md#spillway_closed', 1]);
});
