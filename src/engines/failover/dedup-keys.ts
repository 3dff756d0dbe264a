import type { Controller } from './controller.ts';

const PAGE = 250;

/**
 * Windows of de-duplication (`ttl`) that were opened on the standby and whose jobs have run there hold on the primary for
 * what is left of them, for all machines. Those of jobs that go there go with them. Answers false when it had to stop.
 */
export async function giveKeys(controller: Controller, mayGoOn: () => boolean): Promise<boolean> {
  const { ledger, maintenance, clock } = controller;
  let page = await ledger.lonelyKeys(undefined, PAGE);
  for (;;) {
    if (!mayGoOn()) return false;
    const now = clock.now();
    const open = page.keys.filter(({ until }) => until > now);
    // There first: in between both homes know it.
    const theyHold = open.length === 0 || (await maintenance.openWindows(open));
    if (page.keys.length > 0) {
      await ledger.dropKeys(theyHold ? page.keys : page.keys.filter(({ until }) => until <= now));
    }
    if (page.next === undefined) return true;
    page = await ledger.lonelyKeys(page.next, PAGE);
  }
}
