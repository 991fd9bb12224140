/** Numbers of layers' folders: the lowest that is free, since a mount option names them all. 0 stands for no layer at all. */
export interface LayerNumbers {
  take(): number;
  giveBack(number: number): void;
  isUsed(number: number): boolean;
}

export function createLayerNumbers(inUse: Iterable<number>): LayerNumbers {
  const used = new Set([0, ...inUse]);
  /** None below is free. */
  let lowest = 1;
  return {
    take() {
      while (used.has(lowest)) lowest++;
      used.add(lowest);
      return lowest;
    },
    giveBack(number) {
      used.delete(number);
      lowest = Math.min(lowest, number);
    },
    isUsed: (number) => used.has(number),
  };
}
