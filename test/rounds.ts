/** How often something with a random or timed part is tried: few times in an ordinary run, all with BERTH_TEST_ROUNDS=all. */
export const rounds = ({ few, all }: { few: number; all: number }): number =>
  process.env.BERTH_TEST_ROUNDS === "all" ? all : few;
