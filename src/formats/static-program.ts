/** Whether it runs where it is alone: a dynamically linked program names its loader in its first bytes. */
export const isStaticProgram = (program: Buffer): boolean =>
  program.subarray(0, 4).equals(Buffer.from("\x7fELF", "latin1")) &&
  !program.subarray(0, 8192).includes("/ld-");
