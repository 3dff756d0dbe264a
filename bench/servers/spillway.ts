export function spillwayServerAvailable(): boolean {
  return false;
}
