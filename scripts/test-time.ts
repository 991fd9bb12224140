/** How long one test file may take. A Debian tree alone takes a slow machine five minutes. */
export const secondsOfFile = 900;
