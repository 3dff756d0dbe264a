import { cachePresets } from '../../src/cache/index.ts';
import type { Spillway } from '../../src/index.ts';
import type { Automation, AutomationStore, Contact, UserState, Workspace } from './automations.ts';
import type { Incoming } from './incoming.ts';

/** Somebody who writes to an account. */
type ContactKey = { account: string; id: string };

/** Both parts may hold anything: JSON keeps them apart. */
const textOf = ({ account, id }: ContactKey) => JSON.stringify([account, id]);

/** What the processor reads of the app's database, through the cache; and what it must tell the cache. */
export class CachedStore {
  readonly #store: AutomationStore;
  readonly #automations;
  readonly #workspaces;
  readonly #contacts;
  readonly #userStates;

  constructor(spillway: Spillway, store: AutomationStore) {
    this.#store = store;
    this.#automations = spillway.cache<string, readonly Automation[]>('automations', {
      ...cachePresets.automations,
      load: account => store.automationsOf(account),
    });
    this.#workspaces = spillway.cache<string, Workspace | undefined>('workspaces', {
      ...cachePresets.workspaces,
      load: account => store.workspace(account),
    });
    this.#contacts = spillway.cache<ContactKey, Contact | undefined>('contacts', {
      ...cachePresets.contacts,
      key: textOf,
      load: ({ account, id }) => store.contact(account, id),
    });
    this.#userStates = spillway.cache<ContactKey, UserState | undefined>('user-state', {
      ...cachePresets.userState,
      key: textOf,
      load: ({ account, id }) => store.userState(account, id),
    });
  }

  /** Reads what every message needs, before the first comes. */
  async warm(): Promise<{ automations: number; workspaces: number }> {
    const automations = this.#store.allAutomations();
    const workspaces = this.#store.allWorkspaces();
    const byAccount = new Map<string, Automation[]>();
    for (const each of automations) {
      const known = byAccount.get(each.account);
      if (known === undefined) byAccount.set(each.account, [each]);
      else known.push(each);
    }
    await this.#automations.warmWith(byAccount);
    await this.#workspaces.warmWith(workspaces.map(each => [each.account, each] as const));
    return { automations: automations.length, workspaces: workspaces.length };
  }

  /** The enabled automations for a trigger, those made for this account first. */
  async automationsFor({ kind, account }: Pick<Incoming, 'kind' | 'account'>): Promise<Automation[]> {
    const found = await this.#automations.getMany([account, '*']);
    return found.flat().filter(each => each.kind === kind);
  }

  workspace(account: string): Promise<Workspace | undefined> {
    return this.#workspaces.get(account);
  }

  contact({ account, contact }: Incoming): Promise<Contact | undefined> {
    return this.#contacts.get({ account, id: contact.id });
  }

  userState({ account, contact }: Incoming): Promise<UserState | undefined> {
    return this.#userStates.get({ account, id: contact.id });
  }

  /** Keeps a user's wish, in the database first. */
  async mute({ account, contact }: Incoming, muted: boolean): Promise<void> {
    this.#store.setUserState(account, contact.id, { muted });
    await this.#userStates.set({ account, id: contact.id }, { muted });
  }

  /** The database has a new name of theirs. */
  async forgetContact({ account, contact }: Incoming): Promise<void> {
    await this.#contacts.delete({ account, id: contact.id });
  }
}
