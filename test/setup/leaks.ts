/**
 * Fails a test file that leaves something running behind: a child process, a server, a socket, a timer, a watcher,
 * a worker thread. (Vitest itself fails the run on an unhandled rejection.) Also removes the file's tempDir()s.
 */
import { afterAll } from 'vitest';
import { watchLeaks } from '../support/leaks.ts';
import { removeTempDirs } from '../support/temp-dir.ts';

const watch = watchLeaks();

// Hooks run last in, first out, so this one, the first, sees what all the file's own hooks left.
afterAll(async () => {
  const leaks = await watch.settle();
  watch.stop();
  removeTempDirs();
  if (leaks.length > 0) {
    throw new Error(
      `${leaks.length} left open by this test file:\n${leaks.map(leak => `    - ${leak}`).join('\n')}`,
    );
  }
});
