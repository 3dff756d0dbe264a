/** Why the failover engine answers otherwise than Redis while the primary is away. */
export const reasons = {
  unseen:
    'A job or scheduler that is not on the standby may be on the primary, which cannot be asked: it is not called missing.',
  kept: 'What is for a job that is not on the standby is kept for the primary instead of refused: reports, children, changes.',
} as const;

export type Reason = keyof typeof reasons;
export type State = 'standby';

/** By state and reason the behaviours that differ, as `<group> > <name>`. All others answer as Redis does. */
const lists: Readonly<Record<State, Readonly<Partial<Record<Reason, readonly string[]>>>>> = {
  standby: {
    unseen: [
      'order: changePriority > refuses a missing job',
      'delay: changeDelay > refuses a job that is missing',
      'delay: promote > refuses a job that is missing',
      'getters: by state > getState of a job that is missing',
      'getters: by state > isJobInState for every state of a job that is missing',
      'getters: by state > isFinished of a job that is missing',
      'getters: by state > getJob of a job that is missing',
      'getters: combined > getJob answers nothing for a missing job',
      'remove > takes logs and lock along',
      'retention > a job removed at once leaves nothing but its events',
      'flow: dependencies > of a missing job are empty',
      'flow: dependencies > getFlow of a missing job answers nothing',
      'identity > forQueue is the same engine for another queue',
      'de-duplication > replacing stores the new data and name',
      'drain > with delayed: those too',
      'drain > removes a parent with its drained child in the same queue',
      'obliterate > removes active jobs with force',
      'events: waitUntilFinished > rejects for a job that is gone',
      'logs > of a missing job are refused on writing, empty on reading',
      'retry: finished job > refuses a job that is gone',
      'flow: release > cutting the link of a missing job or parent is refused',
    ],
    kept: [
      'add: refusals > refuses a parent that does not exist',
      'flow: add > refuses a parent that does not exist (-5)',
      'flow: moveToWaitingChildren > refuses another token, a lost lock, a missing job',
      'progress and data > progress of a job that is missing',
      'progress and data > new data for a job that is missing',
    ],
  },
};

/** The behaviours that differ in a state, each with its reason. */
export function differencesOf(state: State): Record<string, string> {
  const differences: Record<string, string> = {};
  for (const [reason, keys] of Object.entries(lists[state])) {
    for (const key of keys) differences[key] = reasons[reason as Reason];
  }
  return differences;
}
