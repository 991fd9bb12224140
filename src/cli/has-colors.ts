/** Whether text on a terminal may have colours (no-color.org). @param env of this process */
export const hasColors = ({ NO_COLOR, TERM }: Readonly<Record<string, string | undefined>>): boolean =>
  !NO_COLOR && TERM !== "dumb";
