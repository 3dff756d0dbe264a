/** The order of one round: as listed, and in the next round the other way round, so that no one always goes first. */
export function roundOrder<T>(contenders: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...contenders] : contenders.toReversed();
}
