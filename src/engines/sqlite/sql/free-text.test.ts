import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeText, encodeText } from './free-text.ts';

const awkward = fc.string({ unit: fc.constantFrom('\0', '\x1a', '0', '1', 'a', '日') });

it('gives back every text, and stores none with a NUL', () => {
  fc.assert(
    fc.property(awkward, text => {
      expect(encodeText(text)).not.toContain('\0');
      expect(decodeText(encodeText(text))).toBe(text);
    }),
  );
});
