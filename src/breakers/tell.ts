/** Tells listeners. One that throws must not change the outcome of a call: its error becomes a process warning. */
export function tell(listeners: () => void): void {
  try {
    listeners();
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : String(error));
  }
}
