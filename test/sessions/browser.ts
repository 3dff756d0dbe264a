import { z } from 'zod';
import { type ScriptProcess, spawnScript } from '../faults/index.ts';
import type { AppSettings } from './fixtures/app.ts';

const APP = new URL('./fixtures/app.ts', import.meta.url).pathname;

/** The application in a process of its own: `await using`. */
export interface App extends AsyncDisposable {
  readonly url: string;
  readonly process: ScriptProcess;
}

export async function startApp(settings: AppSettings): Promise<App> {
  const process = await spawnScript(APP, [JSON.stringify(settings)]);
  const { url } = await process.message<{ url: string }>();
  return { url, process, [Symbol.asyncDispose]: () => process[Symbol.asyncDispose]() };
}

const Counts = z.object({ sessions: z.number(), destroyed: z.number(), unconfirmed: z.number() });

/** Somebody with one cookie jar, for all machines of the application. */
export class Browser {
  #cookie = '';

  /** Its session's cookie, to be used by someone else. */
  get cookie(): string {
    return this.#cookie;
  }

  static with(cookie: string): Browser {
    const browser = new Browser();
    browser.#cookie = cookie;
    return browser;
  }

  async #get(app: App, path: string): Promise<Record<string, unknown>> {
    const answer = await fetch(`${app.url}${path}`, {
      headers: this.#cookie ? { cookie: this.#cookie } : {},
    });
    const body = await answer.text();
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${body}\n${app.process.output}`);
    for (const set of answer.headers.getSetCookie()) this.#cookie = set.split(';', 1)[0] as string;
    return JSON.parse(body) as Record<string, unknown>;
  }

  /** How the application answers, and what it does to the cookie. */
  async status(app: App): Promise<{ status: number; retryAfter: string | null; cookies: number }> {
    const { status, headers } = await fetch(`${app.url}/me`, { headers: { cookie: this.#cookie } });
    return { status, retryAfter: headers.get('retry-after'), cookies: headers.getSetCookie().length };
  }

  async login(app: App, user: string): Promise<void> {
    await this.#get(app, `/login?user=${user}`);
  }

  /** Who the application takes it for; null: nobody. */
  async user(app: App): Promise<unknown> {
    return (await this.#get(app, '/me')).user;
  }

  /** How often it has been there, as far as the application knows. */
  async visits(app: App): Promise<unknown> {
    return (await this.#get(app, '/me')).visits;
  }

  async visit(app: App): Promise<unknown> {
    return (await this.#get(app, '/visit')).visits;
  }

  /** The cookie stays, as a thief's copy of it would. */
  async logout(app: App): Promise<void> {
    const cookie = this.#cookie;
    await this.#get(app, '/logout');
    this.#cookie = cookie;
  }
}

export async function countsOf(app: App) {
  return Counts.parse(await (await fetch(`${app.url}/sessions`)).json());
}
