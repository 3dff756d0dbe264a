/** A line longer than this is not an event of a language model, characters. */
const LONGEST_LINE = 1_000_000;

/**
 * The `data` of each server-sent event, until one equals `last`. Throws when the body ends without that: it was cut off,
 * though the connection may have been closed in good order. Stopping early cancels the body.
 */
export async function* serverSentEvents(
  body: AsyncIterable<Uint8Array>,
  last: string,
): AsyncGenerator<string, void, void> {
  let data: string[] = [];
  for await (const line of linesOf(body)) {
    if (line.startsWith('data:')) {
      data.push(line.slice('data:'.length).replace(/^ /, ''));
    } else if (line === '' && data.length > 0) {
      const event = data.join('\n');
      if (event === last) return;
      data = [];
      yield event;
    }
  }
  // Of the last event, some servers leave out the empty line at its end.
  if (data.join('\n') !== last) throw new Error(`The stream ended without ${last}`);
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new Error(`A line of the stream is longer than ${LONGEST_LINE}`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}
