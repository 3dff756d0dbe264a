/** Tells listeners. One that throws must not change the outcome of a call: its error becomes a process warning. */
export function tell(listeners: () => void): void {
  try {
    listeners();
  } catch (error) {
    warn(error);
  }
}

/** Of what failed beside a call, and is no reason to fail it. */
export function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}
