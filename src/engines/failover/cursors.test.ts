import { describe, expect, it } from 'vitest';
import { cursorOnStandby, type Entry, formatCursors, mergeEntries, parseCursors } from './cursors.ts';

const entry = (cursor: string): Entry => [cursor, [cursor]];

describe('event cursors', () => {
  it('are plain until the reader has seen something of the standby', () => {
    expect(formatCursors({ primary: '5-1', standby: '0-0' })).toBe('5-1');
    expect(parseCursors('5-1')).toEqual({ primary: '5-1', standby: '0-0' });
    expect(parseCursors('$')).toEqual({ primary: '$', standby: '$' });
    expect(parseCursors(cursorOnStandby('7-2'))).toEqual({ primary: '0-0', standby: '7-2' });
  });

  it('carry both places after every event, in the order of time', () => {
    const merged = mergeEntries(
      { primary: '1-0', standby: '0-0' },
      { primary: [entry('3-0'), entry('10-0')], standby: [entry('2-0'), entry('3-0'), entry('9-5')] },
    );
    expect(merged.map(([cursor, [event]]) => [event, cursor])).toEqual([
      ['2-0', '1-0|2-0'],
      ['3-0', '1-0|3-0'],
      ['3-0', '3-0|3-0'],
      ['9-5', '3-0|9-5'],
      ['10-0', '10-0|9-5'],
    ]);
  });

  it('of a primary without times come after those of the standby', () => {
    const merged = mergeEntries(
      { primary: '0', standby: '0-0' },
      { primary: [entry('41')], standby: [entry('9-0')] },
    );
    expect(merged.map(([cursor]) => cursor)).toEqual(['0|9-0', '41|9-0']);
  });
});
