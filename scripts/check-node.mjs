// Plain JavaScript, run before every npm script that runs TypeScript: an older Node cannot even read those.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Spillway's scripts need Node >= 22.18 (they are TypeScript, run unbuilt); this is ${process.version}. ` +
      'Run `npm install` with install scripts enabled: it brings the right Node, and npm scripts use it.',
  );
  console.log('0 passed, 1 failed');
  process.exit(1);
}
