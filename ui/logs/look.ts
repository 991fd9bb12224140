/** How a log is shown. */
export interface LogLook {
  isFollowing: boolean;
  isWrapped: boolean;
  hasTime: boolean;
}
