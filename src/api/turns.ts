/**
 * Begins work for many clients in turns. What comes first in a turn of the event loop is begun at once; when that took as long as
 * a turn may, the rest waits for the next turns, so that a hundred requests at once don't hold up everything else.
 */
export function createTurns(): (work: () => void) => void {
  const waiting: (() => void)[] = [];
  let turnEndsAt: number | undefined;

  function isOver(): boolean {
    if (turnEndsAt === undefined) {
      turnEndsAt = performance.now() + turnMilliseconds;
      setImmediate(nextTurn);
    }
    return performance.now() >= turnEndsAt;
  }

  function nextTurn(): void {
    turnEndsAt = undefined;
    while (waiting.length > 0 && !isOver()) waiting.shift()?.();
  }

  return (work) => {
    if (isOver() || waiting.length > 0) waiting.push(work);
    else work();
  };
}

const turnMilliseconds = 1;
