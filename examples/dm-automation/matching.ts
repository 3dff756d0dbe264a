import type { Automation } from './automations.ts';
import type { Incoming } from './incoming.ts';

/** The first automation one of whose keywords stands in the text. An automation without keywords takes any text. */
export function chooseAutomation(automations: readonly Automation[], text: string): Automation | undefined {
  const words = plainWords(text);
  return automations.find(
    ({ keywords }) => keywords.length === 0 || keywords.some(keyword => words.includes(plainWords(keyword))),
  );
}

/** The reply with the contact's name in it, or a friendly "there". */
export function writeReply({ reply }: Automation, { contact }: Pick<Incoming, 'contact'>): string {
  return reply.replaceAll('{name}', () => contact.name || 'there');
}

/** Lower-case words between single spaces, so that "price" is found in "PRICE?" and not in "priceless". */
function plainWords(text: string): string {
  return ` ${text
    .normalize('NFKC')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter(word => word !== '')
    .join(' ')} `;
}
