import type { Automation } from './automations.ts';
import type { CachedStore } from './cached.ts';
import type { Incoming } from './incoming.ts';
import { chooseAutomation, writeReply } from './matching.ts';

export interface Answer {
  automation: Automation;
  reply: string;
}

/** The answer to what somebody said, and the wishes in it; `undefined` where none is to be given. */
export async function answerTo(incoming: Incoming, cached: CachedStore): Promise<Answer | undefined> {
  const wish = muteWish(incoming);
  if (wish !== undefined) await cached.mute(incoming, wish);
  const [workspace, state, contact, automations] = await Promise.all([
    cached.workspace(incoming.account),
    cached.userState(incoming),
    cached.contact(incoming),
    cached.automationsFor(incoming),
  ]);
  if (workspace?.paused || state?.muted) return undefined;
  const automation = chooseAutomation(automations, incoming.text);
  if (automation === undefined) return undefined;
  // A direct message does not say its sender's name; an earlier comment may have.
  const name = incoming.contact.name || contact?.name || '';
  return { automation, reply: writeReply(automation, { contact: { ...incoming.contact, name } }) };
}

/** What is to be done once the event is recorded, and the database knows a name it did not know. */
export async function tellCache(incoming: Incoming, cached: CachedStore): Promise<void> {
  const { name } = incoming.contact;
  if (name !== '' && (await cached.contact(incoming))?.name !== name) await cached.forgetContact(incoming);
}

/** Whoever writes nothing but "stop" in a direct message wants no more answers, until "start". */
function muteWish({ kind, text }: Incoming): boolean | undefined {
  const said = kind === 'dm' ? /^\s*(stop|start)\W*$/i.exec(text)?.[1]?.toLowerCase() : undefined;
  return said === undefined ? undefined : said === 'stop';
}
