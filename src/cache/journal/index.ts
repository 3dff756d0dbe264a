export type { Change } from './changes.ts';
export { Journal } from './journal.ts';
