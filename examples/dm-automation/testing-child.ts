import { startApp } from './app.ts';
import { SECRETS } from './testing.ts';

/** The app in a process of its own, to be killed. Its one argument: the options, as JSON. */
const app = await startApp({ secrets: SECRETS, port: 0, ...JSON.parse(process.argv[2] ?? '{}') });
console.log(app.url);
