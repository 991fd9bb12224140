/**
 * Takes all steps in their order, also those that come after one that fails.
 * @throws what the first one that failed has thrown, at the end
 */
export async function takeSteps(steps: readonly (() => unknown)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
